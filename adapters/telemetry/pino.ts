import pino from "pino";
import type { Telemetry, TelemetryEvent } from "../../core/ports/telemetry.ts";

/**
 * One line of JSON per event on standard output. Lines are gathered for a moment and written in order; `flush` writes
 * what is left, which a process must do before it ends.
 */
export function createPinoTelemetry(level: TelemetryEvent["level"]): Telemetry & { flush(): void } {
  const destination = pino.destination({ dest: 1, sync: false, minLength: 4096, periodicFlush: 200 });
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    emit({ level: severity, ...event }) {
      logger[severity](event);
    },
    flush() {
      // Before the first byte could be written there is nothing to flush, and sonic-boom says so by throwing.
      try {
        destination.flushSync();
      } catch {
        destination.end();
      }
    },
  };
}
