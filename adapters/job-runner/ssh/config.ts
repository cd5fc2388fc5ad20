import type { SshTiming } from "../../ssh/connection.ts";
import type { NodeDirectory } from "../../ssh/connections.ts";

/** What the tunnel may lead to, seen from the service. */
export interface TunnelTargets {
  /** Where the service answers; asked at each request, because the port may be known only later. */
  readonly serviceUrl: () => string;
  /** Hosts, with ports, of the store of objects; `*.` in front stands for what is before the first dot. */
  readonly stores: readonly { readonly host: string; readonly port: number }[];
}

export interface SshRunnerConfig {
  readonly nodes: NodeDirectory;
  /** Private key that opens them. */
  readonly keyFile: string;
  /** Folder on the nodes for all that is kept there. */
  readonly folder: string;
  /** Tells this service's jobs from those of others on the same node; a name of a folder. */
  readonly owner: string;
  /** Archive (OCI, or Docker's) with the agent's container image. */
  readonly imageFile: string;
  /** Folder of this machine for the compressed archive. */
  readonly cache: string;
  /** What agents find in their environment, next to what concerns their job. No secret. */
  readonly agentEnv: Readonly<Record<string, string>>;
  /** Absent: agents reach the service and the store by themselves. */
  readonly tunnel?: TunnelTargets | undefined;
  readonly serviceUrl: () => string;
  /** Certificates that agents trust beside the usual ones: a PEM file of this machine. */
  readonly authorityFile?: string | undefined;
  /** Where users reach shells: on the node, or on this machine, which passes them on. */
  readonly shells:
    | { readonly via: "node" }
    | {
        readonly via: "service";
        readonly host: string;
        readonly ports?: { readonly first: number; readonly last: number } | undefined;
      };
  /** A node that is out of reach for longer has lost its jobs. Milliseconds. */
  readonly patienceMs: number;
  /** Images that no job has used for longer are removed. */
  readonly imageDays: number;
  /** Further words for `podman run`, such as what gives jobs a device of the node. */
  readonly podmanOptions?: readonly string[];
  readonly timing?: SshTiming | undefined;
  /** Told of what concerns no caller: a node that cannot be swept, a tunnel that breaks. */
  readonly onTrouble: (node: string, what: string) => void;
}
