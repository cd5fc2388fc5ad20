import type { Artifacts } from "./artifacts.ts";
import type { Clock } from "./clock.ts";
import type { Ids } from "./ids.ts";
import type { JobLogs } from "./job-logs.ts";
import type { JobRunner } from "./job-runner.ts";
import type { NodeProbe } from "./node-probe.ts";
import type { Records } from "./records.ts";
import type { Signer } from "./signer.ts";
import type { Telemetry } from "./telemetry.ts";
import type { UploadSessions } from "./upload-sessions.ts";

/** Everything core needs of the world. */
export interface Ports {
  readonly records: Records;
  readonly artifacts: Artifacts;
  readonly uploads: UploadSessions;
  readonly logs: JobLogs;
  /** In order of preference. Empty: jobs are launched by another process on the same store. */
  readonly runners: readonly JobRunner[];
  /** Absent: nobody here reaches remote build nodes. */
  readonly nodeProbe?: NodeProbe | undefined;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly signer: Signer;
  readonly telemetry: Telemetry;
}
