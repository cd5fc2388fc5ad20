import type { Arch } from "./arch.ts";
import type { PackOptions } from "./jobs/plan.ts";
import type { LimitedPhase } from "./jobs/status.ts";
import type { RunnerName } from "./ports/job-runner.ts";

/** What an operator decides and core obeys. Times in seconds unless the name says otherwise. */
export interface Settings {
  /** Of this product, for what an image's provenance says. */
  readonly serviceVersion: string;
  readonly buckets: { readonly recipes: string; readonly images: string };
  /** Beside those two, buckets that links may name; an object elsewhere does not exist for this service. */
  readonly linkBuckets: readonly string[];
  /** How long a request waits for objects that have to move before the rest is left to go on without it. */
  readonly moveWaitSeconds: number;
  readonly uploads: {
    readonly maxArchiveBytes: number;
    readonly maxArtifactBytes: number;
    /** How long an upload in parts may take, from its opening to its completion. */
    readonly sessionSeconds: number;
    /** How long the URL of a part lasts. */
    readonly partUrlSeconds: number;
  };
  readonly jobs: {
    /** Jobs running at once; 0 holds all new jobs. */
    readonly maxRunning: number;
    /** Further caps, for jobs of one architecture or on one runner; absent: as many as `maxRunning`. */
    readonly maxByArch: Readonly<Partial<Record<Arch, number>>>;
    readonly maxByRunner: Readonly<Partial<Record<RunnerName, number>>>;
    /** Jobs at once on each remote build node. */
    readonly maxByNode: number;
    readonly heartbeatSeconds: number;
    /** A running job whose agent is silent for longer has lost it. */
    readonly silenceSeconds: Readonly<Record<RunnerName, number>>;
    readonly maxLaunches: number;
    /** How long a job may be in each phase; longer ends it. Waiting for its turn does not count. */
    readonly phaseSeconds: Readonly<Record<LimitedPhase, number>>;
    /** A shell that nobody has used for so long ends; its user is warned so many seconds earlier. */
    readonly idleLimitSeconds: number;
    readonly idleWarningSeconds: number;
    /** Where shells listen, and what clients are told; without `ports` each takes a free one. */
    readonly shell: {
      readonly host: string;
      readonly ports?: { readonly first: number; readonly last: number };
    };
    readonly repositoryWaitSeconds: number;
    readonly recipeLimits: { readonly maxBytes: number; readonly maxEntries: number };
    /** Of a job's log, in bytes: what all of its agents' programs may print. */
    readonly maxLogBytes: number;
    /** A log goes so many days after its job has ended; 0: with the job only. */
    readonly logRetentionDays: number;
    readonly pack: PackOptions;
    /** Whether a job gets no more memory and disk than it asked for, where the runner can hold it to that. */
    readonly limited: boolean;
    /** How long an agent's signed URL lasts. */
    readonly signedUrlSeconds: number;
    /** Agents send what is as large or larger in parts, other things in one piece. Bytes. */
    readonly partsFromBytes: number;
    readonly defaults: {
      readonly buildEnvSize: number;
      readonly jobMemSize: number;
      readonly namespace: string;
      readonly enableDkms: boolean;
      /** Whether jobs get a copy of the Secret with the site's signing keys. */
      readonly signingKeys: boolean;
    };
    /** Last part of the host name that `connection_info` promises before a shell is up. */
    readonly domain: string;
    /** What this machine can build without emulation. */
    readonly nativeArch: "x86_64" | "aarch64";
  };
}
