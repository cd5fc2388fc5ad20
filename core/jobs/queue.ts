import * as v from "valibot";
import { listStored } from "../collection.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Ports } from "../ports/index.ts";
import type { Stored } from "../ports/records.ts";
import type { Settings } from "../settings.ts";
import type { Job } from "./job.ts";
import type { PlaceTaken } from "./activities.ts";
import type { JobActivity } from "./activity.ts";
import { type Need, nodesSeen } from "./node-places.ts";
import { chooseOtherNode, choosePlace, type Offer, type PlaceChoice } from "./placement.ts";
import { runnerNames } from "./runners.ts";

type Activity = Stored<"job-activity">;

/** Why a job still waits. `position` is 1 for the next one. */
export const QueuePlace = v.object({ position: v.number(), reason: v.string() });
export type QueuePlace = v.InferOutput<typeof QueuePlace>;

/** A job as it is read: with its place in the queue while it has to wait for one. */
export type JobInQueue = Job & { readonly queue?: QueuePlace };

export interface Due {
  readonly activity: Activity;
  /** What it has to take before it is launched; absent when it has its place already, and is to keep it. */
  readonly taking?: PlaceTaken | undefined;
}

export interface Turns {
  readonly due: readonly Due[];
  readonly waiting: ReadonlyMap<string, QueuePlace>;
}

async function heldSlots({ records }: Pick<Ports, "records">): Promise<Set<string>> {
  return new Set((await listStored(records, "job-slot")).map(({ id }) => id));
}

/** What there is for jobs to choose from, now. */
export async function offerOf(ports: CorePorts, settings: Settings["jobs"]): Promise<Offer> {
  const [held, nodes] = await Promise.all([heldSlots(ports), nodesSeen(ports)]);
  const random = () => ports.ids.random();
  return { runners: runnerNames(ports.runners), nodes, held, settings, now: ports.clock.now(), random };
}

/**
 * Whose turn it is. First come, first served within a priority; who finds one cap full lets those pass who do not count
 * for it. `activities` in the order of their creation, the runners those of this process: what has its place on another
 * is left to whoever has that.
 */
export function takeTurns(activities: readonly Activity[], offer: Offer): Turns {
  const taken = new Set(offer.held);
  const due: Due[] = [];
  const waiting = new Map<string, QueuePlace>();
  let shut: string | undefined;
  for (const activity of inOrder(activities)) {
    const turn = turnOf(activity, { ...offer, held: taken }, shut);
    if (turn === undefined) continue;
    if ("full" in turn) {
      waiting.set(activity.id, { position: waiting.size + 1, reason: turn.full });
      if (turn.everybody) shut = turn.full;
      continue;
    }
    for (const slot of turn.taking?.slots ?? []) taken.add(slot);
    due.push(turn);
  }
  return { due, waiting };
}

/** `shut`: why nobody else can have a place. `undefined`: its turn is another process's to decide. */
function turnOf(
  activity: Activity,
  offer: Offer,
  shut: string | undefined,
): Due | Extract<PlaceChoice, { full: string }> | undefined {
  const { runners } = offer;
  const { arch, runner = runners[0], needs, slots = [] } = activity.value;
  if (slots.length > 0)
    return runners.some((name) => name === runner)
      ? { activity, taking: otherPlace(activity.value, offer) }
      : undefined;
  if (shut !== undefined) return { full: shut, everybody: true };
  const choice = choosePlace({ arch, ...needs }, offer);
  return "full" in choice ? choice : { activity, taking: choice };
}

/** Where a job that has its place may better go. */
export function otherPlace(activity: JobActivity, offer: Offer): PlaceTaken | undefined {
  const { arch, needs, node, attempt, slots = [] } = activity;
  return chooseOtherNode({ arch, ...needs }, { node, attempt, slots }, offer);
}

function inOrder(activities: readonly Activity[]): Activity[] {
  return activities
    .filter(({ value }) => value.state === "queued")
    .toSorted((a, b) => (b.value.priority ?? 0) - (a.value.priority ?? 0));
}

/** The place of a new job that need not wait: there is room, and nobody has waited longer. */
export async function roomNow(
  ports: CorePorts,
  settings: Settings["jobs"],
  need: Need,
): Promise<PlaceTaken | undefined> {
  const choice = choosePlace(need, await offerOf(ports, settings));
  if ("full" in choice) return undefined;
  const waiting = (await listStored(ports.records, "job-activity")).some(
    ({ value: { state, slots = [] } }) => state === "queued" && slots.length === 0,
  );
  return waiting ? undefined : choice;
}

/** The jobs with their places in the queue. Costs nothing unless one of them is `creating`. */
export async function withPlaces(
  ports: CorePorts,
  settings: Settings["jobs"],
  jobs: readonly Job[],
): Promise<JobInQueue[]> {
  if (!jobs.some(({ status }) => status === "creating")) return [...jobs];
  const [activities, offer] = await Promise.all([
    listStored(ports.records, "job-activity"),
    offerOf(ports, settings),
  ]);
  const { waiting } = takeTurns(activities, { ...offer, random: () => 0 });
  return jobs.map((job) => {
    const queue = waiting.get(job.id);
    return queue === undefined ? job : { ...job, queue };
  });
}
