import type { NodeState } from "../nodes/node.ts";
import type { RunnerName } from "../ports/job-runner.ts";
import type { Settings } from "../settings.ts";
import { type Need, unfitness } from "./node-places.ts";
import { chooseSlots, jobsOnNode } from "./slots.ts";

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
  readonly nodes: readonly NodeState[];
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
    const choice = runner === "ssh" ? onNode(need, offer) : on({ runner }, need, offer);
    if ("slots" in choice || choice.everybody) return choice;
    if (!reasons.includes(choice.full)) reasons.push(choice.full);
  }
  if (reasons.length === 0) return { full: NOT_HERE, everybody: true };
  return { full: reasons.join(" "), everybody: false };
}

function on(place: Place, { arch }: Need, { held, settings, random }: Offer): PlaceChoice {
  const choice = chooseSlots({ arch, ...place }, held, settings, random);
  return "slots" in choice ? { place, slots: choice.slots } : choice;
}

function onNode(need: Need, offer: Offer): PlaceChoice {
  const { nodes, held, now, random } = offer;
  const judged = nodes.map((node) => ({ node: node.id, unfit: unfitness(node, need, now) }));
  const fit = judged
    .filter(({ unfit }) => unfit === undefined)
    .map(({ node }) => ({ node, jobs: jobsOnNode(node, held), chance: random() }))
    .toSorted((a, b) => a.jobs - b.jobs || a.chance - b.chance);
  const [first] = fit;
  if (first !== undefined) return on({ runner: "ssh", node: first.node }, need, offer);
  if (judged.length === 0) return { full: NO_NODES, everybody: false };
  const why = judged.map(({ node, unfit }) => `${node}: ${unfit ?? ""}`).join("; ");
  return { full: `No remote build node can take it now (${why}).`, everybody: false };
}
