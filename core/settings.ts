import type { PackOptions } from "./jobs/plan.ts";

/** What an operator decides and core obeys. Times in seconds unless the name says otherwise. */
export interface Settings {
  readonly buckets: { readonly recipes: string; readonly images: string };
  readonly uploads: { readonly maxArchiveBytes: number; readonly maxArtifactBytes: number };
  readonly jobs: {
    /** Jobs running at once; 0 holds all new jobs. */
    readonly maxRunning: number;
    readonly heartbeatSeconds: number;
    /** A running job whose agent is silent for longer has lost it. */
    readonly silenceSeconds: number;
    readonly maxLaunches: number;
    readonly repositoryWaitSeconds: number;
    readonly recipeLimits: { readonly maxBytes: number; readonly maxEntries: number };
    readonly pack: PackOptions;
    /** How long an agent's signed URL lasts. */
    readonly signedUrlSeconds: number;
    readonly defaults: {
      readonly buildEnvSize: number;
      readonly jobMemSize: number;
      readonly namespace: string;
      readonly enableDkms: boolean;
    };
    /** Last part of the host name that `connection_info` promises before a shell is up. */
    readonly domain: string;
    /** What this machine can build without emulation. */
    readonly nativeArch: "x86_64" | "aarch64";
  };
}
