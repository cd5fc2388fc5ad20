import { DomainError } from "../../../core/errors.ts";
import type { AgentPresence, JobRef, JobRunner } from "../../../core/ports/job-runner.ts";
import type { ApiServer } from "./api/api-server.ts";
import { type Cluster, createCluster } from "./api/cluster.ts";
import { EventView, understood } from "./api/views.ts";
import type { KubernetesRunnerConfig } from "./config.ts";
import { createPolledView, createWatchedView } from "./jobs-view.ts";
import { ownSelector } from "./labels.ts";
import { launchJob } from "./launch-job.ts";
import { type JobObjects, type Presence, presenceOf } from "./presence.ts";
import { kindsOf, leftJobs, releaseJob, removeJob } from "./remove-job.ts";
import { shellAddressesOf } from "./shell-address.ts";

export interface KubernetesRunnerOptions {
  readonly server: ApiServer;
  readonly config: KubernetesRunnerConfig;
  /** `watch`: for a process that stays; `poll`: for one that lives as long as a request. */
  readonly view: "watch" | "poll";
  /** Told when a watch broke. It goes on by itself. */
  readonly onTrouble?: (why: string) => void;
}

export interface KubernetesRunner extends JobRunner {
  readonly name: "kubernetes";
  releaseShell(ref: JobRef): Promise<void>;
  shellAddresses: NonNullable<JobRunner["shellAddresses"]>;
  /** Ends its watches. */
  close(): void;
}

const ID = /^[A-Za-z0-9][A-Za-z0-9-]{0,49}$/u;

/** Runs each agent as the pod of a Kubernetes Job, which owns everything that is made for it. */
export function createKubernetesRunner(options: KubernetesRunnerOptions): KubernetesRunner {
  const { config, onTrouble = () => undefined, server } = options;
  const { instance, istio, namespace } = config;
  const cluster = createCluster(server, namespace);
  const view =
    options.view === "watch"
      ? createWatchedView(cluster, { instance, onTrouble })
      : createPolledView(cluster, { instance });
  const kinds = kindsOf(istio);
  const selectorOf = ({ jobId }: JobRef): string => ownSelector(instance, safeId(jobId));
  const presence = (objects: JobObjects): Presence =>
    presenceOf(objects, config.startSeconds * 1000, Date.now());

  return {
    name: "kubernetes",
    async launch(order) {
      safeId(order.jobId);
      await launchJob(cluster, config, order);
    },
    async inspect({ jobId }) {
      const seen = presence(await view.of(safeId(jobId)));
      // What is known may be old, and a job ends by this answer.
      if (seen.state !== "absent") return seen;
      const objects = await view.fresh(jobId);
      return await explained(cluster, objects, presence(objects));
    },
    stop: async (ref) => await removeJob(cluster, kinds, selectorOf(ref)),
    leftovers: async () => await leftJobs(cluster, kinds, instance),
    releaseShell: async (ref) => await releaseJob(cluster, istio, selectorOf(ref)),
    async shellAddresses(ref) {
      const labelSelector = selectorOf(ref);
      const nodeAddress = async () => (await view.of(ref.jobId)).pod?.status.hostIP;
      return await shellAddressesOf(cluster, config, { jobId: ref.jobId, labelSelector, nodeAddress });
    },
    close: () => view.close(),
  };
}

/** A job's id becomes a part of names and labels, which may have 63 characters. */
function safeId(jobId: string): string {
  if (ID.test(jobId)) return jobId;
  throw new DomainError("invalid", "This is no id of a job.");
}

/** With what the kubelet and the controllers said last of a pod that does not start. */
async function explained(cluster: Cluster, { job, pod }: JobObjects, seen: Presence): Promise<AgentPresence> {
  if (seen.state !== "absent") return seen;
  const { reason = "", seeEvents, ...absence } = seen;
  const name = (pod ?? job)?.metadata.name;
  const words = seeEvents === true && name !== undefined ? await lastWarning(cluster, name) : "";
  const all = reason.includes(words) ? reason : `${reason} ${words}`;
  return all === "" ? absence : { ...absence, reason: all };
}

/** Events help where they can be had: who may not read them does without. */
async function lastWarning(cluster: Cluster, name: string): Promise<string> {
  const fieldSelector = `involvedObject.name=${name},type=Warning`;
  try {
    const { items } = await cluster.list("events", { fieldSelector });
    const events = items.map((item) => understood(EventView, item));
    const at = ({ eventTime, lastTimestamp }: EventView): string => lastTimestamp ?? eventTime ?? "";
    return events.toSorted((a, b) => at(b).localeCompare(at(a)))[0]?.message ?? "";
  } catch (error) {
    if (error instanceof DomainError) return "";
    throw error;
  }
}
