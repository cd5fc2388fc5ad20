import * as v from "valibot";
import { listStored } from "../collection.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Ports } from "../ports/index.ts";
import type { Stored } from "../ports/records.ts";
import type { Settings } from "../settings.ts";
import type { Job } from "./job.ts";
import type { PlaceTaken } from "./activities.ts";
import { type Need, nodesSeen } from "./node-places.ts";
import { choosePlace, type Offer } from "./placement.ts";
import { runnerNames } from "./runners.ts";

type Activity = Stored<"job-activity">;

/** Why a job still waits. `position` is 1 for the next one. */
export const QueuePlace = v.object({ position: v.number(), reason: v.string() });
export type QueuePlace = v.InferOutput<typeof QueuePlace>;

/** A job as it is read: with its place in the queue while it has to wait for one. */
export type JobInQueue = Job & { readonly queue?: QueuePlace };

export interface Due {
  readonly activity: Activity;
  /** What it has to take before it is launched; absent when it has its place already. */
  readonly taking?: PlaceTaken;
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
  const { runners } = offer;
  const taken = new Set(offer.held);
  const due: Due[] = [];
  const waiting = new Map<string, QueuePlace>();
  let shut: string | undefined;
  for (const activity of inOrder(activities)) {
    const { arch, runner = runners[0], needs, slots: own = [] } = activity.value;
    if (own.length > 0) {
      if (runners.some((name) => name === runner)) due.push({ activity });
      continue;
    }
    const choice =
      shut === undefined
        ? choosePlace({ arch, ...needs }, { ...offer, held: taken })
        : { full: shut, everybody: true };
    if ("full" in choice) {
      waiting.set(activity.id, { position: waiting.size + 1, reason: choice.full });
      if (choice.everybody) shut = choice.full;
      continue;
    }
    for (const slot of choice.slots) taken.add(slot);
    due.push({ activity, taking: choice });
  }
  return { due, waiting };
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
