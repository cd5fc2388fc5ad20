import { setTimeout as delay } from "node:timers/promises";
import { DomainError } from "../../../core/errors.ts";
import type { LeftJob } from "../../../core/ports/job-runner.ts";
import type { Cluster, Kind } from "./api/cluster.ts";
import { AnyObject, understood } from "./api/views.ts";
import { jobOf, ownSelector, RELEASED_LABEL } from "./labels.ts";

/** Pods go with their Job. */
const LIMIT_MILLISECONDS = 600_000;
const PAUSE_MILLISECONDS = 250;
/** A node that is gone confirms no end: then the pod is taken off the books. Whatever still runs there has no token. */
const STUCK_MILLISECONDS = 60_000;

type Meta = AnyObject["metadata"];

/** All kinds that jobs are made of here; the rules of Istio only where there may be some. */
export function kindsOf(istio: boolean): readonly Kind[] {
  const kinds = ["jobs", "pods", "services", "persistentvolumeclaims", "configmaps", "secrets"] as const;
  return istio ? [...kinds, "destinationrules"] : kinds;
}

async function metadataOf(cluster: Cluster, kind: Kind, labelSelector: string): Promise<readonly Meta[]> {
  const { items } = await cluster.list(kind, { labelSelector, metadata: true });
  return items.map((item) => understood(AnyObject, item).metadata);
}

/** Removes everything of one job, whatever made it, and waits until it is gone. @throws `unavailable` when it stays */
export async function removeJob(
  cluster: Cluster,
  kinds: readonly Kind[],
  labelSelector: string,
): Promise<void> {
  await removeObjects(cluster, "jobs", labelSelector);
  await untilGone(cluster, ["jobs"], labelSelector);
  // What a launch made that was overtaken.
  await untilGone(cluster, kinds, labelSelector);
}

/** Suspends the Job, which ends its pod, and removes its shell and volume. The rest stays for whoever wants to see it. */
export async function releaseJob(cluster: Cluster, istio: boolean, labelSelector: string): Promise<void> {
  for (const { name } of await metadataOf(cluster, "jobs", labelSelector))
    await cluster.merge("jobs", name, {
      metadata: { labels: { [RELEASED_LABEL]: "true" } },
      spec: { suspend: true },
    });
  const kinds = ["services", "persistentvolumeclaims"] as const;
  await untilGone(cluster, istio ? [...kinds, "destinationrules"] : kinds, labelSelector);
}

async function untilGone(cluster: Cluster, kinds: readonly Kind[], labelSelector: string): Promise<void> {
  const deadline = performance.now() + LIMIT_MILLISECONDS;
  for (;;) {
    const left = await Promise.all(kinds.map((kind) => removeObjects(cluster, kind, labelSelector)));
    if (left.every((count) => count === 0)) return;
    if (performance.now() > deadline)
      throw new DomainError("unavailable", "What Kubernetes has of the job does not go away.");
    await forceStuckPods(cluster, labelSelector);
    await delay(PAUSE_MILLISECONDS);
  }
}

/** Asks for the removal of what is not being removed yet; answers how many there are. */
async function removeObjects(cluster: Cluster, kind: Kind, labelSelector: string): Promise<number> {
  const found = await metadataOf(cluster, kind, labelSelector);
  const propagation = kind === "jobs" ? "Foreground" : "Background";
  for (const { deletionTimestamp, name, uid } of found)
    if (deletionTimestamp === undefined) await cluster.remove(kind, name, { propagation, uid });
  return found.length;
}

async function forceStuckPods(cluster: Cluster, labelSelector: string): Promise<void> {
  for (const { deletionTimestamp, name, uid } of await metadataOf(cluster, "pods", labelSelector))
    if (deletionTimestamp !== undefined && Date.now() - Date.parse(deletionTimestamp) > STUCK_MILLISECONDS)
      await cluster.remove("pods", name, { graceSeconds: 0, uid });
}

/** The jobs of which anything is left. What an administrator has ended is kept. */
export async function leftJobs(
  cluster: Cluster,
  kinds: readonly Kind[],
  instance: string,
): Promise<readonly LeftJob[]> {
  const labelSelector = ownSelector(instance);
  const all = await Promise.all(kinds.map((kind) => metadataOf(cluster, kind, labelSelector)));
  const released = new Set(
    all
      .flat()
      .filter(({ labels }) => labels?.[RELEASED_LABEL] !== undefined)
      .map(({ labels }) => jobOf(labels)),
  );
  const ids = all.flat().flatMap(({ labels }) => jobOf(labels) ?? []);
  return [...new Set(ids)].sort().map((jobId) => (released.has(jobId) ? { jobId, kept: true } : { jobId }));
}
