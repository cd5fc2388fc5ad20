import type { Arch } from "../arch.ts";
import { listValues } from "../collection.ts";
import type { CorePorts } from "../core-ports.ts";
import { believed, type NodeFacts, type NodeState } from "../nodes/node.ts";

/** Older news of a node is none. */
const FRESH_MS = 90_000;

/** What a job needs of the machine that works on it. */
export interface Need {
  readonly arch: Arch | undefined;
  /** Bytes; absent: whatever there is. */
  readonly diskBytes?: number | undefined;
  readonly memoryBytes?: number | undefined;
}

/** A registered node, and what was seen of it last. */
export interface SeenNode {
  readonly id: string;
  readonly state?: NodeState | undefined;
}

/** The nodes that are registered now. */
export async function nodesSeen({ records, runners }: CorePorts): Promise<readonly SeenNode[]> {
  if (!runners.some(({ name }) => name === "ssh")) return [];
  const states = new Map((await listValues(records, "node-state")).map((state) => [state.id, state]));
  const nodes = await listValues(records, "remote-build-node");
  return nodes.map((node) => ({ id: node.xname, state: believed(node, states.get(node.xname)) }));
}

/** Why a node is not for a job; `undefined` when it is. */
export function unfitness({ state }: SeenNode, need: Need, now: number): string | undefined {
  if (state === undefined) return "nobody has looked at it yet";
  const { facts, checked, unreachable = "it is out of reach" } = state;
  if (facts === undefined) return unreachable.replace(/\.$/u, "");
  if (now - Date.parse(checked) > FRESH_MS) return "nobody has looked at it for long";
  if (facts.arch === undefined || (need.arch !== undefined && facts.arch !== need.arch))
    return `it is ${facts.machine}`;
  if (facts.trouble !== undefined) return facts.trouble.replace(/\.$/u, "");
  return narrowness(facts, need);
}

function narrowness(facts: NodeFacts, { diskBytes = 0, memoryBytes = 0 }: Need): string | undefined {
  if (facts.free_bytes < diskBytes) return "it has too little free disk";
  if (facts.free_memory_bytes < memoryBytes) return "it has too little free memory";
  return undefined;
}
