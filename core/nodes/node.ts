import * as v from "valibot";
import { Arch } from "../arch.ts";

/** As `ssh-keyscan` prints it after the host, or its fingerprint as `ssh-keygen -l` does. */
export const HostKey = v.pipe(
  v.string(),
  v.regex(
    /^(?:SHA256:[A-Za-z0-9+/]{43}=?|(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/]{32,}={0,3}(?: .*)?)$/u,
    "is no host key, such as ssh-ed25519 AAAA... or SHA256:...",
  ),
);

/** Where a node's sshd is, where that is not what its xname and the configuration say. */
export const NodeAddress = v.object({
  /** Name or address. */
  host: v.optional(v.pipe(v.string(), v.regex(/^[\w.:-]{1,253}$/u, "is no name or address of a machine"))),
  port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535))),
  user: v.optional(v.pipe(v.string(), v.regex(/^[a-z_][a-z0-9_-]{0,31}$/u, "is no name of a user"))),
  /** Pinned: given, or what the node showed at the first meeting. */
  host_key: v.optional(HostKey),
});
type NodeAddress = v.InferOutput<typeof NodeAddress>;

/** A machine outside of the cluster that may run jobs; its xname is its id. */
export const RemoteBuildNode = v.object({ xname: v.string(), ...NodeAddress.entries });
export type RemoteBuildNode = v.InferOutput<typeof RemoteBuildNode>;

/** What was seen of a node when it was last looked at. */
export const NodeState = v.object({
  id: v.string(),
  /** Where it was looked for, as its record said. States of older services do not say. */
  at: v.optional(NodeAddress),
  /** UTC ISO 8601. */
  checked: v.string(),
  /** When it answered last. */
  seen: v.optional(v.string()),
  /** Why it did not answer. */
  unreachable: v.optional(v.string()),
  facts: v.optional(
    v.object({
      /** Absent: one that jobs are not for. */
      arch: v.optional(Arch),
      /** As the node names its architecture. */
      machine: v.string(),
      podman: v.optional(v.string()),
      /** Why jobs cannot be started there, though it answers. */
      trouble: v.optional(v.string()),
      /** Of whatever service. */
      jobs: v.number(),
      free_bytes: v.number(),
      free_memory_bytes: v.number(),
    }),
  ),
});
export type NodeState = v.InferOutput<typeof NodeState>;
export type NodeFacts = NonNullable<NodeState["facts"]>;

/** What was seen of a node, unless it has been registered anew since with another address or key. */
export function believed(node: RemoteBuildNode, state: NodeState | undefined): NodeState | undefined {
  return state?.at !== undefined && isSameAddress(state.at, node) ? state : undefined;
}

export function addressOf({ host, port, user, host_key }: RemoteBuildNode): NodeAddress {
  return {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(user === undefined ? {} : { user }),
    ...(host_key === undefined ? {} : { host_key }),
  };
}

export function isSameAddress(one: NodeAddress, other: NodeAddress): boolean {
  return (["host", "port", "user", "host_key"] as const).every((member) => one[member] === other[member]);
}
