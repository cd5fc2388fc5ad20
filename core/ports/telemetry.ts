/** One line of the log: what happened, with members fit for searching. Never a secret, a body or a whole header. */
export interface TelemetryEvent {
  readonly event: string;
  readonly level: "info" | "warn" | "error";
  readonly [member: string]: unknown;
}

/** Takes note of what happens. Never throws, never waits. */
export interface Telemetry {
  emit(event: TelemetryEvent): void;
}
