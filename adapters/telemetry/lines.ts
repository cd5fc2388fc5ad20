import sonicBoom from "sonic-boom";
import type { Telemetry, TelemetryEvent } from "../../core/ports/telemetry.ts";

/** Lines are gathered up to so many bytes, or so many milliseconds: what kill -9 takes along is no more than that. */
const GATHERED_BYTES = 64 * 1024;
const GATHERED_MS = 200;

const SEVERITIES: Readonly<Record<TelemetryEvent["level"], number>> = { info: 0, warn: 1, error: 2 };

/**
 * One line of JSON per event into an open file, standard output by default. The writing never stops this thread, however
 * slow whoever reads is. `flush` writes what is left, which a process must do before it ends.
 */
export function createLineTelemetry(level: TelemetryEvent["level"], fd = 1): Telemetry & { flush(): void } {
  const destination = new sonicBoom.SonicBoom({
    fd,
    sync: false,
    minLength: GATHERED_BYTES,
    maxWrite: 2 * GATHERED_BYTES,
    periodicFlush: GATHERED_MS,
  });
  // A log that cannot be written (its reader has gone) is no reason to stop serving.
  destination.on("error", () => undefined);
  const least = SEVERITIES[level];
  const time = createTime();
  return {
    emit(event) {
      if (SEVERITIES[event.level] < least) return;
      destination.write(`{"time":"${time()}",${membersOf(event)}\n`);
    },
    flush() {
      destination.flushSync();
    },
  };
}

/** The event as JSON but for the opening brace. What JSON cannot hold must not keep the rest from being told. */
function membersOf(event: TelemetryEvent): string {
  try {
    return JSON.stringify(event).slice(1);
  } catch (error) {
    const told = { event: event.event, level: event.level, unreadable: String(error) };
    return JSON.stringify(told).slice(1);
  }
}

/** UTC, ISO 8601; made once in a millisecond, as there are many lines in one. */
function createTime(): () => string {
  let at = Number.NaN;
  let text = "";
  return () => {
    const now = Date.now();
    if (now !== at) text = new Date((at = now)).toISOString();
    return text;
  };
}
