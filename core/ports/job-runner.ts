import type { Arch } from "../arch.ts";

/** Kinds of runners, as configuration, records and metrics name them. */
export const RUNNER_NAMES = ["local", "ssh", "kubernetes"] as const;
export type RunnerName = (typeof RUNNER_NAMES)[number];

/** Which job, and on which node where the runner has several. */
export interface JobRef {
  readonly jobId: string;
  readonly node?: string;
}

/** What a job may use at most, in bytes. A runner that cannot hold a limit does without it. */
export interface JobLimits {
  readonly memoryBytes: number;
  /** Of its work folder. */
  readonly diskBytes: number;
}

/** What a runner may want to know of the work. No secret. */
export interface JobWork {
  readonly type: "create" | "customize";
  /** Of the image. */
  readonly arch: Arch;
  readonly dkms: boolean;
  /** Whether the job may open a shell. */
  readonly shell: boolean;
  /** What the job asked for, whether or not it is held to it. */
  readonly diskBytes: number;
  readonly memoryBytes: number;
  /** Names that the job's record promises (behaviour 158, 159). */
  readonly kubernetes: {
    readonly namespace: string;
    readonly job: string;
    readonly service: string;
    readonly configmap: string;
    readonly pvc: string;
    readonly secret: string | null;
  };
}

/** What a runner needs to start an agent. Everything else the agent asks the service for. */
export interface LaunchOrder extends JobRef {
  /** From 1; grows with each launch of the same job. */
  readonly attempt: number;
  /** Good for this job and attempt only. Must not appear in argv, manifests or logs. */
  readonly token: string;
  /** Absent: as much as there is. */
  readonly limits?: JobLimits;
  readonly work: JobWork;
}

/** A job of which something is left. */
export interface LeftJob extends JobRef {
  /** An administrator ended it and may want to look at it: it goes with its record. */
  readonly kept?: true;
}

/** Where a shell answers. */
export interface ShellAddress {
  readonly host: string;
  readonly port: number;
}

/** The same for those outside of the cluster and for those inside. */
export interface ShellAddresses {
  readonly customer: ShellAddress;
  readonly cluster: ShellAddress;
}

/** Why there is no agent, where the runner can tell. An agent whose work folder is gone is as good as none. */
export type AbsenceCause =
  | "machine-restarted"
  | "oom-killed"
  | "work-folder-gone"
  | "evicted"
  | "node-lost"
  | "deadline"
  // These keep it from starting, and would keep another one.
  | "image-pull-failed"
  | "unschedulable"
  | "volume-pending";

/** `unknown`: the runner cannot tell now (node out of reach); never taken for `absent`. */
export type AgentPresence =
  | { readonly state: "running" }
  /** Launched, and on its way to run; `reason` says what keeps it. The runner itself ends this, by `absent`. */
  | { readonly state: "starting"; readonly reason?: string }
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
 * Errors: `unavailable` (cannot start or reach agents now), `storage-full`, `invalid` (an id that is no name of a job).
 */
export interface JobRunner {
  readonly name: RunnerName;

  /** Starts the agent unless it runs already. Resolves once it is started, not when it is done. */
  launch(order: LaunchOrder): Promise<void>;

  /** Whether the job's agent lives. A job that was never launched is `absent`. */
  inspect(ref: JobRef): Promise<AgentPresence>;

  /**
   * Ends the agent with everything it started and removes its mounts and work folder. Resolves when nothing is left,
   * but for a large folder that goes on to be removed where nobody meets it; a job of which there is nothing is fine.
   */
  stop(ref: JobRef): Promise<void>;

  /** The jobs of which anything is left, such as a process or a work folder, and where; of nodes that answer. */
  leftovers(): Promise<readonly LeftJob[]>;

  /**
   * Ends shell and volume of a job that an administrator has ended, and leaves what they may still want to see
   * (behaviour 174); that goes with `stop`, when the job is deleted. Absent: `stop` is called instead.
   */
  releaseShell?(ref: JobRef): Promise<void>;

  /**
   * Where users reach the shell that the agent says answers at this port. Absent: at the configured host and that port.
   */
  shellAddresses?(ref: JobRef, port: number): Promise<ShellAddresses>;
}
