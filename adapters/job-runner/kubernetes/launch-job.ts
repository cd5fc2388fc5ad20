import { setTimeout as delay } from "node:timers/promises";
import { DomainError } from "../../../core/errors.ts";
import type { LaunchOrder } from "../../../core/ports/job-runner.ts";
import type { Cluster, Kind } from "./api/cluster.ts";
import { AnyObject, JobView, SecretView, understood } from "./api/views.ts";
import type { KubernetesRunnerConfig } from "./config.ts";
import { attemptOf } from "./labels.ts";
import {
  claimManifest,
  configMapManifest,
  type OwnerFacts,
  signingKeysManifest,
  tokenManifest,
} from "./manifests/dependents.ts";
import { jobManifest } from "./manifests/job.ts";
import { destinationRuleManifest, serviceManifest } from "./manifests/shell.ts";
import { patched } from "./patches/patches.ts";

/** Of an earlier attempt, with its pod and volume. */
const REMOVAL_MILLISECONDS = 120_000;
const PAUSE_MILLISECONDS = 150;

/**
 * Makes the Job suspended, then what it owns, then resumes it. One that was made in an earlier try for the same attempt
 * is gone on with, whoever made it; one of an earlier attempt is replaced; one of a later attempt is left alone.
 */
export async function launchJob(
  cluster: Cluster,
  config: KubernetesRunnerConfig,
  order: LaunchOrder,
): Promise<void> {
  const job = await ownJob(cluster, config, order);
  if (job === undefined) return;
  const { name, uid } = job.metadata;
  const wanted = await dependents(cluster, config, order, { name, uid });
  await Promise.all(wanted.map(({ kind, manifest }) => ensure(cluster, config, kind, manifest, uid)));
  // Whoever stopped the job meanwhile took the Job away: so be it.
  await cluster.merge("jobs", name, { metadata: { uid }, spec: { suspend: false } });
}

/** `undefined` when there is a later attempt. */
async function ownJob(
  cluster: Cluster,
  config: KubernetesRunnerConfig,
  order: LaunchOrder,
): Promise<AnyObject | undefined> {
  const manifest = patched(jobManifest(order, config), config.patches);
  const deadline = performance.now() + REMOVAL_MILLISECONDS;
  for (;;) {
    const created = await cluster.create("jobs", manifest);
    if (created !== undefined) return created;
    const found = await cluster.read("jobs", order.work.kubernetes.job);
    if (found !== undefined) {
      const job = understood(JobView, found);
      const attempt = attemptOf(job.metadata.labels);
      if (attempt > order.attempt) return undefined;
      if (attempt === order.attempt && isUsable(job)) return job;
      await replace(cluster, job);
    }
    if (performance.now() > deadline)
      throw new DomainError("unavailable", "What is left of the job's earlier attempt does not go away.");
    await delay(PAUSE_MILLISECONDS);
  }
}

function isUsable({ metadata, status }: JobView): boolean {
  const over = status.conditions.some(
    (each) => ["Failed", "Complete"].includes(each.type) && each.status === "True",
  );
  return metadata.deletionTimestamp === undefined && !over;
}

async function replace(cluster: Cluster, { metadata }: JobView): Promise<void> {
  if (metadata.deletionTimestamp === undefined)
    await cluster.remove("jobs", metadata.name, { propagation: "Foreground", uid: metadata.uid });
}

interface Wanted {
  readonly kind: Kind;
  readonly manifest: { readonly kind?: string; readonly metadata?: { readonly name?: string } };
}

async function dependents(
  cluster: Cluster,
  config: KubernetesRunnerConfig,
  order: LaunchOrder,
  owner: OwnerFacts,
): Promise<readonly Wanted[]> {
  const { token, ...facts } = order;
  const keys = await signingKeys(cluster, config, order);
  const all: readonly { readonly kind: Kind; readonly manifest: Wanted["manifest"] | undefined }[] = [
    { kind: "configmaps", manifest: configMapManifest(facts, config, owner) },
    { kind: "secrets", manifest: tokenManifest(facts, token, config, owner) },
    { kind: "persistentvolumeclaims", manifest: claimManifest(facts, config, owner) },
    { kind: "services", manifest: serviceManifest(facts, config, owner) },
    { kind: "destinationrules", manifest: destinationRuleManifest(facts, config, owner) },
    { kind: "secrets", manifest: keys && signingKeysManifest(facts, keys, config, owner) },
  ];
  return all.flatMap(({ kind, manifest }) => (manifest === undefined ? [] : [{ kind, manifest }]));
}

/** A site without such a Secret signs nothing (behaviour 159). */
async function signingKeys(
  cluster: Cluster,
  { signingKeys: source }: KubernetesRunnerConfig,
  { work }: LaunchOrder,
): Promise<Readonly<Record<string, string>> | undefined> {
  if (source === undefined || work.kubernetes.secret === null) return undefined;
  const secret = await cluster.read("secrets", source.name, source.namespace);
  return secret === undefined ? undefined : (understood(SecretView, secret).data ?? {});
}

/** There is one that this very Job owns: one of an earlier Job is on its way out. */
async function ensure(
  cluster: Cluster,
  { patches }: KubernetesRunnerConfig,
  kind: Kind,
  manifest: Wanted["manifest"],
  owner: string,
): Promise<void> {
  const name = manifest.metadata?.name ?? "";
  const body = patched(manifest, patches);
  const deadline = performance.now() + REMOVAL_MILLISECONDS;
  while ((await cluster.create(kind, body)) === undefined) {
    const found = await cluster.read(kind, name);
    if (found !== undefined) {
      const { metadata } = understood(AnyObject, found);
      if (metadata.ownerReferences?.some(({ uid }) => uid === owner) === true) return;
      await cluster.remove(kind, name, { uid: metadata.uid });
    }
    if (performance.now() > deadline)
      throw new DomainError("unavailable", `${name} of an earlier attempt does not go away.`);
    await delay(PAUSE_MILLISECONDS);
  }
}
