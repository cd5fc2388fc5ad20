/** What a job may use at most, in bytes. A runner that cannot hold a limit does without it. */
export interface JobLimits {
  readonly memoryBytes: number;
  /** Of its work folder. */
  readonly diskBytes: number;
}

/** What a runner needs to start an agent. Everything else the agent asks the service for. */
export interface LaunchOrder {
  readonly jobId: string;
  /** From 1; grows with each launch of the same job. */
  readonly attempt: number;
  /** Good for this job and attempt only. Must not appear in argv, manifests or logs. */
  readonly token: string;
  /** Absent: as much as there is. */
  readonly limits?: JobLimits;
}

/** Why there is no agent, where the runner can tell. An agent whose work folder is gone is as good as none. */
export type AbsenceCause = "machine-restarted" | "oom-killed" | "work-folder-gone";

/** `unknown`: the runner cannot tell now (node out of reach); never taken for `absent`. */
export type AgentPresence =
  | { readonly state: "running" }
  | {
      readonly state: "absent";
      readonly reason?: string;
      readonly cause?: AbsenceCause;
      /** With `oom-killed`. */
      readonly memory?: { readonly limitBytes?: number | undefined; readonly peakBytes?: number | undefined };
    }
  | { readonly state: "unknown"; readonly reason: string };

/**
 * Runs agents. Every call is safe to repeat, also after a crash in the middle of an earlier one.
 *
 * Errors: `unavailable` (cannot start or reach agents now), `storage-full`.
 */
export interface JobRunner {
  readonly name: "local" | "ssh" | "kubernetes";

  /** Starts the agent unless it runs already. Resolves once it is started, not when it is done. */
  launch(order: LaunchOrder): Promise<void>;

  /** Whether the job's agent lives. A job that was never launched is `absent`. */
  inspect(jobId: string): Promise<AgentPresence>;

  /**
   * Ends the agent with everything it started and removes its mounts and work folder. Resolves when nothing is left,
   * but for a large folder that goes on to be removed where nobody meets it; a job of which there is nothing is fine.
   */
  stop(jobId: string): Promise<void>;

  /** Ids of the jobs of which anything is left: a process or a work folder. */
  leftovers(): Promise<readonly string[]>;
}
