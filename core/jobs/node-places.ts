import type { Arch } from "../arch.ts";
import { listValues } from "../collection.ts";
import type { CorePorts } from "../core-ports.ts";
import type { NodeFacts, NodeState } from "../nodes/node.ts";

/** Older news of a node is none. */
const FRESH_MS = 90_000;

/** What a job needs of the machine that works on it. */
export interface Need {
  readonly arch: Arch | undefined;
  /** Bytes; absent: whatever there is. */
  readonly diskBytes?: number | undefined;
  readonly memoryBytes?: number | undefined;
}

/** The registered nodes, as they were seen last. Those of which nothing is known are not among them. */
export async function nodesSeen({ records, runners }: CorePorts): Promise<readonly NodeState[]> {
  if (!runners.some(({ name }) => name === "ssh")) return [];
  return await listValues(records, "node-state");
}

/** Why a node is not for a job; `undefined` when it is. */
export function unfitness(node: NodeState, need: Need, now: number): string | undefined {
  const { facts, checked, unreachable = "it is out of reach" } = node;
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
