import * as v from "valibot";
import type { Arch } from "../arch.ts";
import type { RunnerName } from "../ports/job-runner.ts";
import type { Change } from "../ports/records.ts";
import type { Settings } from "../settings.ts";

/**
 * One of the places that a cap allows, held by a job until nothing of its work is left. To insert it is to take it: of
 * several callers at once, in whatever process, one gets it, so no count can be read wrongly.
 */
export const JobSlot = v.object({ id: v.string(), job: v.string() });

/** What decides which caps a job counts for. */
export interface Placement {
  readonly arch: Arch | undefined;
  readonly runner: RunnerName;
  readonly node?: string | undefined;
}

interface Cap {
  readonly scope: string;
  readonly max: number;
  /** Which jobs it counts, after "jobs". */
  readonly which: string;
}

export type SlotChoice =
  | { readonly slots: readonly string[] }
  /** `everybody`: no other job can have a place either. */
  | { readonly full: string; readonly everybody: boolean };

const OVERALL = "all";

function capsOf({ arch, runner, node }: Placement, settings: Settings["jobs"]): Cap[] {
  const caps: Cap[] = [{ scope: OVERALL, max: settings.maxRunning, which: "" }];
  const onRunner = settings.maxByRunner[runner];
  if (onRunner !== undefined)
    caps.push({ scope: `runner-${runner}`, max: onRunner, which: ` on the ${runner} runner` });
  const forArch = arch === undefined ? undefined : settings.maxByArch[arch];
  if (forArch !== undefined) caps.push({ scope: `arch-${arch}`, max: forArch, which: ` for ${arch}` });
  if (node !== undefined) caps.push(nodeCap(node, settings));
  return caps;
}

function nodeCap(node: string, { maxByNode }: Settings["jobs"]): Cap {
  return { scope: nodeScope(node), max: maxByNode, which: ` on node ${node}` };
}

const nodeScope = (node: string): string => `node-${node}`;

/** How many jobs have a place on a node. */
export function jobsOnNode(node: string, held: ReadonlySet<string>): number {
  return slotsOnNode(node, held).length;
}

/** Those of the slots that are a node's. */
export function slotsOnNode(node: string, held: ReadonlySet<string>): string[] {
  return slotsOf(nodeScope(node), held);
}

/** A scope may hold a dot itself. */
function slotsOf(scope: string, held: ReadonlySet<string>): string[] {
  return [...held].filter((id) => id.slice(0, id.lastIndexOf(".")) === scope);
}

/** The slots that a job needs, one of each cap it counts for, or which cap leaves no room. `random` in [0, 1). */
export function chooseSlots(
  place: Placement,
  held: ReadonlySet<string>,
  settings: Settings["jobs"],
  random: () => number,
): SlotChoice {
  return chooseOf(capsOf(place, settings), held, random);
}

/** The same of a node alone, for a job that has all others already. */
export function nodeSlots(
  node: string,
  held: ReadonlySet<string>,
  settings: Settings["jobs"],
  random: () => number,
): SlotChoice {
  return chooseOf([nodeCap(node, settings)], held, random);
}

function chooseOf(caps: readonly Cap[], held: ReadonlySet<string>, random: () => number): SlotChoice {
  const slots: string[] = [];
  for (const cap of caps) {
    const free = freeSlots(cap, held);
    // By chance, so that callers at once seldom want the same one.
    const slot = free[Math.floor(random() * free.length)];
    if (slot === undefined) return { full: fullness(cap), everybody: cap.scope === OVERALL };
    slots.push(slot);
  }
  return { slots };
}

function freeSlots({ scope, max }: Cap, held: ReadonlySet<string>): string[] {
  const mine = slotsOf(scope, held);
  if (mine.length >= max) return [];
  // A cap that was lowered counts the jobs of the higher one: each takes a number away.
  const above = mine.filter((id) => Number(id.slice(scope.length + 1)) >= max).length;
  const numbers = Array.from({ length: max - above }, (_, number) => `${scope}.${number}`);
  return numbers.filter((id) => !held.has(id));
}

function fullness({ max, which }: Cap): string {
  if (max === 0) return `The service holds all jobs${which} for now.`;
  return `As many jobs${which} as may at once are running: ${max}.`;
}

export function takeSlots(job: string, slots: readonly string[]): Change[] {
  return slots.map((id) => ({ op: "insert", kind: "job-slot", id, value: { id, job } }));
}

/** A slot never changes while it is held. */
export function freeSlotChanges(slots: readonly string[]): Change[] {
  return slots.map((id) => ({ op: "remove", kind: "job-slot", id, version: 1 }));
}
