import type { Telemetry, TelemetryEvent } from "../../core/ports/telemetry.ts";
import { createGatheringFile } from "./gathering-file.ts";

const SEVERITIES: Readonly<Record<TelemetryEvent["level"], number>> = { info: 0, warn: 1, error: 2 };

/**
 * One line of JSON per event into an open file, standard output by default. Lines are gathered for a moment; `flush`
 * writes what is left, which a process must wait for before it ends.
 */
export function createLineTelemetry(
  level: TelemetryEvent["level"],
  fd = 1,
): Telemetry & { flush(): Promise<void> } {
  const file = createGatheringFile(fd);
  const least = SEVERITIES[level];
  const time = createTime();
  let leftOut = 0;
  const write = (event: TelemetryEvent): boolean => file.write(`{"time":"${time()}",${membersOf(event)}\n`);
  return {
    emit(event) {
      if (SEVERITIES[event.level] < least) return;
      if (leftOut > 0 && write({ event: "log-lines-left-out", level: "warn", lines: leftOut })) leftOut = 0;
      if (!write(event)) leftOut += 1;
    },
    flush: () => file.flush(),
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
