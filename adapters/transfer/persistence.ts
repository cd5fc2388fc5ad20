import { setTimeout as sleep } from "node:timers/promises";

export interface Persistence {
  /** First pause between two tries, in milliseconds; it doubles, up to 15 s, with jitter. */
  readonly firstPauseMs: number;
  /** How long to go on without any progress. */
  readonly patienceMs: number;
  /** A peer that breaks off again and again, after some progress each time, is given up too. */
  readonly maxTries: number;
}

/** Trying again is of no use. */
export class Final extends Error {
  override readonly name = "Final";
  readonly reason: unknown;

  constructor(reason: unknown) {
    super("Trying again is of no use.");
    this.reason = reason;
  }
}

const LONGEST_PAUSE_MS = 15_000;

/**
 * Repeats `attempt` until it resolves, throws a `Final`, or nothing has come of it for as long as the patience lasts;
 * then rejects with the reason. `attempt` calls `advanced` whenever it has got further.
 */
export async function persist<T>(
  attempt: (advanced: () => void) => Promise<T>,
  { firstPauseMs, patienceMs, maxTries }: Persistence,
  onRetry: (error: unknown) => void,
  signal: AbortSignal,
): Promise<T> {
  let last = performance.now();
  let failures = 0;
  const advanced = (): void => {
    last = performance.now();
    failures = 0;
  };
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted();
    try {
      return await attempt(advanced);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Final) throw error.reason;
      const pause = Math.min(LONGEST_PAUSE_MS, firstPauseMs * 2 ** failures) * (0.5 + Math.random() / 2);
      failures += 1;
      if (tries >= maxTries || performance.now() + pause - last > patienceMs) throw error;
      onRetry(error);
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }
}
