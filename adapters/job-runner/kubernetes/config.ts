import type { Patches } from "./patches/patches.ts";

/** How the users of a job's shell get to it. */
export interface ShellServiceConfig {
  readonly type: "LoadBalancer" | "NodePort" | "ClusterIP";
  /** Of the Service, such as the pool that its address comes from; `{host}` stands for the job's own host name. */
  readonly annotations: Readonly<Record<string, string>>;
  /** A job's own host name is its id, `.ims.` and this. */
  readonly domain: string;
}

/** Where a job works: a claim of its own for as much as it asked for, or a folder of the node that is as large at most. */
export type WorkVolumeConfig =
  | { readonly kind: "claim"; readonly storageClass?: string }
  | { readonly kind: "scratch" };

/** What manifests depend on beside the job itself. */
export interface ManifestConfig {
  readonly namespace: string;
  /** Tells the objects of one service from those of another in the same namespace. */
  readonly instance: string;
  /** Of the agent, with a fixed tag or digest. */
  readonly image: string;
  /** Instead of the image's own entry point. */
  readonly command?: readonly string[];
  /** Where pods reach the service; asked at each launch. */
  readonly serviceUrl: () => string;
  /** What agents find in their environment next to what concerns their job. Must not hold secrets. */
  readonly agentEnv: Readonly<Record<string, string>>;
  /** Absent: the namespace's default. Its token is not given to pods either way. */
  readonly serviceAccount?: string;
  /** Classes of container runtimes; absent: the cluster's default. That of `dkms` comes first. */
  readonly runtimeClasses: { readonly dkms?: string; readonly aarch64?: string };
  /** Share of a core that a job is promised, as Kubernetes writes it. It may use what is free. */
  readonly cpu: string;
  readonly volume: WorkVolumeConfig;
  readonly shell: ShellServiceConfig;
  /** Whether shells are exempted from Istio's TLS. */
  readonly istio: boolean;
  /** Kubernetes ends a job after so long, whatever the service does. */
  readonly deadlineSeconds: number;
  /** Kubernetes removes a job so long after its end, when the service does not. */
  readonly ttlSeconds: number;
  /** What the site wants otherwise. */
  readonly patches: Patches;
}

export interface KubernetesRunnerConfig extends ManifestConfig {
  /** A pod that does not run after so long is given up, and its job told why. */
  readonly startSeconds: number;
  /** A Secret whose copy is given to every job that builds. */
  readonly signingKeys?: SigningKeysSource;
}

export interface SigningKeysSource {
  readonly namespace: string;
  readonly name: string;
}
