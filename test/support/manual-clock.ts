import type { Clock } from "../../core/ports/clock.ts";

/** A clock that goes on only when a test says so; whoever sleeps until then wakes. */
export function createManualClock(start = Date.parse("2026-06-15T12:00:00.000Z")) {
  const sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();
  let time = start;
  const clock: Clock = {
    now: () => time,
    async sleep(milliseconds, signal) {
      await new Promise<void>((resolve, reject) => {
        const sleeper = { until: time + milliseconds, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", () => {
          sleepers.delete(sleeper);
          reject(new Error("no longer waited for"));
        });
      });
    },
  };
  return {
    clock,
    sleeping: () => sleepers.size,
    advance(milliseconds: number) {
      time += milliseconds;
      for (const sleeper of sleepers)
        if (sleeper.until <= time) {
          sleepers.delete(sleeper);
          sleeper.wake();
        }
    },
  };
}
