import type { RunnerName } from "../ports/job-runner.ts";
import type { Settings } from "../settings.ts";
import { type Need, type SeenNode, unfitness } from "./node-places.ts";
import { chooseSlots, jobsOnNode, nodeSlots, slotsOnNode } from "./slots.ts";

/** Where a job is worked on. */
export interface Place {
  readonly runner: RunnerName;
  /** Of a runner that has several. */
  readonly node?: string | undefined;
}

export type PlaceChoice =
  | { readonly place: Place; readonly slots: readonly string[] }
  /** `everybody`: no other job can have a place either. */
  | { readonly full: string; readonly everybody: boolean };

/** What there is to choose from. */
export interface Offer {
  /** In order of preference. */
  readonly runners: readonly RunnerName[];
  readonly nodes: readonly SeenNode[];
  readonly held: ReadonlySet<string>;
  readonly settings: Settings["jobs"];
  readonly now: number;
  /** In [0, 1). */
  readonly random: () => number;
}

const NOT_HERE = "The job waits for the process of the service that runs jobs.";
const NO_NODES = "No remote build node is known to be there.";

/** The first of the runners that has room; of nodes that are fit, the one with the fewest jobs. */
export function choosePlace(need: Need, offer: Offer): PlaceChoice {
  const reasons: string[] = [];
  for (const runner of offer.runners) {
    const choice = onRunner(runner, need, offer);
    if ("slots" in choice || choice.everybody) return choice;
    if (!reasons.includes(choice.full)) reasons.push(choice.full);
  }
  if (reasons.length === 0) return { full: NOT_HERE, everybody: true };
  return { full: reasons.join(" "), everybody: false };
}

function onRunner(runner: RunnerName, need: Need, offer: Offer): PlaceChoice {
  if (runner === "ssh") return onNode(need, offer);
  if (runner === "local" && isForOthers(need, offer))
    return { full: `This machine builds ${offer.settings.nativeArch} images.`, everybody: false };
  return on({ runner }, need, offer);
}

/** A job that this machine cannot build is left to other runners; without any it has its place here, and ends there. */
function isForOthers({ arch }: Need, { runners, settings }: Offer): boolean {
  return arch !== undefined && arch !== settings.nativeArch && runners.some((name) => name !== "local");
}

function on(place: Place, { arch }: Need, { held, settings, random }: Offer): PlaceChoice {
  const choice = chooseSlots({ arch, ...place }, held, settings, random);
  return "slots" in choice ? { place, slots: choice.slots } : choice;
}

function onNode(need: Need, offer: Offer): PlaceChoice {
  const { nodes, now } = offer;
  const node = bestNode(need, offer);
  if (node !== undefined) return on({ runner: "ssh", node }, need, offer);
  if (nodes.length === 0) return { full: NO_NODES, everybody: false };
  const why = nodes.map((each) => `${each.id}: ${unfitness(each, need, now) ?? ""}`).join("; ");
  return { full: `No remote build node can take it now (${why}).`, everybody: false };
}

/** Of those that are fit, one with the fewest jobs. */
function bestNode(need: Need, { nodes, held, now, random }: Offer): string | undefined {
  const [best] = nodes
    .filter((node) => unfitness(node, need, now) === undefined)
    .map(({ id }) => ({ id, jobs: jobsOnNode(id, held), chance: random() }))
    .toSorted((a, b) => a.jobs - b.jobs || a.chance - b.chance);
  return best?.id;
}

/** What a job holds that has its place already. */
export interface Held {
  readonly node?: string | undefined;
  /** Launches so far. */
  readonly attempt: number;
  readonly slots: readonly string[];
}

/**
 * Another node for a job that did not start on its own, or whose own is not fit any more: the slots of the one are to
 * be given back as those of the other are taken. `undefined`: it stays where it is.
 */
export function chooseOtherNode(
  need: Need,
  { node: own, attempt, slots }: Held,
  offer: Offer,
):
  | { readonly place: Place; readonly slots: readonly string[]; readonly frees: readonly string[] }
  | undefined {
  if (own === undefined || (attempt === 0 && isFit(own, need, offer))) return undefined;
  const node = bestNode(need, { ...offer, nodes: offer.nodes.filter(({ id }) => id !== own) });
  if (node === undefined) return undefined;
  const choice = nodeSlots(node, offer.held, offer.settings, offer.random);
  if ("full" in choice) return undefined;
  return { place: { runner: "ssh", node }, slots: choice.slots, frees: slotsOnNode(own, new Set(slots)) };
}

function isFit(node: string, need: Need, { nodes, now }: Offer): boolean {
  return nodes.some((each) => each.id === node && unfitness(each, need, now) === undefined);
}
