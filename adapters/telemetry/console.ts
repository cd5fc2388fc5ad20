import type { Telemetry, TelemetryEvent } from "../../core/ports/telemetry.ts";

const SEVERITIES: Readonly<Record<TelemetryEvent["level"], number>> = { info: 0, warn: 1, error: 2 };

/** One line of JSON per event to the console, where that is all a program has. */
export function createConsoleTelemetry(level: TelemetryEvent["level"]): Telemetry {
  return {
    emit(event) {
      if (SEVERITIES[event.level] < SEVERITIES[level]) return;
      console.log(JSON.stringify({ time: new Date().toISOString(), ...event }));
    },
  };
}
