import type { Cluster } from "./api/cluster.ts";
import { JobView, PodView, understood } from "./api/views.ts";
import { jobOf, ownSelector } from "./labels.ts";
import type { JobObjects } from "./presence.ts";
import { watchObjects } from "./watched.ts";

/** What the cluster has of jobs. */
export interface JobsView {
  /** As far as is known without asking, where that is possible. */
  of(jobId: string): Promise<JobObjects>;
  /** Asked just now. */
  fresh(jobId: string): Promise<JobObjects>;
  close(): void;
}

export interface JobsViewOptions {
  readonly instance: string;
  readonly onTrouble: (why: string) => void;
}

/** Asks each time: for a process that lives as long as a request. */
export function createPolledView(
  cluster: Cluster,
  { instance }: Pick<JobsViewOptions, "instance">,
): JobsView {
  const fresh = async (jobId: string): Promise<JobObjects> => {
    const query = { labelSelector: ownSelector(instance, jobId) };
    const [jobs, pods] = await Promise.all([cluster.list("jobs", query), cluster.list("pods", query)]);
    const job = newest(jobs.items.map((item) => understood(JobView, item)));
    return {
      job,
      pod: podOf(
        job,
        pods.items.map((item) => understood(PodView, item)),
      ),
    };
  };
  return { of: fresh, fresh, close: () => undefined };
}

/** Knows all jobs by watching, so that looking at a thousand of them asks the server nothing. Begins when first asked. */
export function createWatchedView(cluster: Cluster, options: JobsViewOptions): JobsView {
  const polled = createPolledView(cluster, options);
  let cache: JobsCache | undefined;
  const known = async (jobId: string): Promise<JobObjects> => {
    cache ??= startCache(cluster, options);
    await cache.ready();
    return cache.of(jobId);
  };
  return {
    async of(jobId) {
      const objects = await known(jobId);
      // Another process may have made it a moment ago.
      return objects.job === undefined ? await polled.fresh(jobId) : objects;
    },
    async fresh(jobId) {
      const [seen, before] = await Promise.all([polled.fresh(jobId), known(jobId)]);
      // A pod that is gone said before why.
      return { ...seen, pod: seen.pod ?? podOf(seen.job, before.pod === undefined ? [] : [before.pod]) };
    },
    close: () => cache?.close(),
  };
}

interface JobsCache {
  ready(): Promise<unknown>;
  of(jobId: string): JobObjects;
  close(): void;
}

function startCache(cluster: Cluster, { instance, onTrouble }: JobsViewOptions): JobsCache {
  const labelSelector = ownSelector(instance);
  const jobs = new Map<string, JobView>();
  const pods = new Map<string, Map<string, PodView>>();
  const ofJob = (jobId: string): Map<string, PodView> => {
    const own = pods.get(jobId) ?? new Map<string, PodView>();
    pods.set(jobId, own);
    return own;
  };
  const onJob = (job: JobView, gone: boolean): void => {
    const jobId = jobOf(job.metadata.labels) ?? "";
    if (!gone) jobs.set(jobId, job);
    else if (jobs.get(jobId)?.metadata.uid === job.metadata.uid) {
      jobs.delete(jobId);
      pods.delete(jobId);
    }
  };
  // Pods that are gone are kept as they were last seen, as long as their Job is there.
  const onPod = (pod: PodView): void => {
    const jobId = jobOf(pod.metadata.labels) ?? "";
    const living = [...ofJob(jobId).values()].filter((each) => sameOwner(each, pod));
    pods.set(jobId, new Map([...living, pod].map((each) => [each.metadata.uid, each])));
  };
  const watches = [
    watchObjects(cluster, { kind: "jobs", labelSelector, read: JobView, onChange: onJob, onTrouble }),
    watchObjects(cluster, { kind: "pods", labelSelector, read: PodView, onChange: onPod, onTrouble }),
  ];
  return {
    ready: () => Promise.all(watches.map((watch) => watch.ready())),
    of(jobId) {
      const job = jobs.get(jobId);
      return { job, pod: podOf(job, [...(pods.get(jobId)?.values() ?? [])]) };
    },
    close: () => watches.forEach((watch) => watch.close()),
  };
}

const ownerOf = ({ metadata }: PodView): string | undefined => metadata.ownerReferences?.[0]?.uid;
const sameOwner = (one: PodView, other: PodView): boolean => ownerOf(one) === ownerOf(other);

function podOf(job: JobView | undefined, pods: readonly PodView[]): PodView | undefined {
  return newest(pods.filter((pod) => ownerOf(pod) === job?.metadata.uid));
}

function newest<T extends JobView | PodView>(objects: readonly T[]): T | undefined {
  return objects.toSorted(({ metadata: a }, { metadata: b }) =>
    (b.creationTimestamp ?? "").localeCompare(a.creationTimestamp ?? ""),
  )[0];
}
