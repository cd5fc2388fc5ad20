import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { ask } from "../../support/kubernetes.ts";
import {
  breakableCluster,
  type KubernetesService,
  nothingInNamespace,
  startKubernetesService,
} from "../../support/kubernetes-service.ts";
import { archiveBytes, get, inStatusWithin, post, postJob, recipe } from "../../support/road.ts";
import { shellJob, tinyImage } from "../../support/shell-jobs.ts";
import { until } from "../../support/service-process.ts";
import { sshClient } from "../../support/ssh.ts";

type Place = KubernetesService & { readonly cluster: Awaited<ReturnType<typeof breakableCluster>> };

/** How a job gets into each phase, and stays there. */
const PHASES = {
  async creating(place: Place) {
    // asks for more memory than any node has
    return await postJob(place, await archiveBytes(recipe()), {}, { job_mem_size: 900_000 });
  },
  async building_image(place: Place) {
    return await postJob(place, await archiveBytes(recipe("seconds 600")));
  },
  async waiting_on_user(place: Place) {
    const { publicKey } = await sshClient();
    const { id } = await tinyImage(place);
    return (await shellJob(place, { artifact_id: id }, publicKey)).id;
  },
} as const;
type Phase = keyof typeof PHASES;

async function podOf({ namespace }: Place, jobId: string): Promise<string> {
  return await until("it has a pod", async () => (await namespace.pods(jobId))[0]?.metadata.name, 60);
}

async function objectOf({ namespace }: Place, jobId: string, kind: string): Promise<string> {
  const names = await namespace.objects(jobId);
  return names.find((name) => name.startsWith(`${kind}/`))?.slice(kind.length + 1) ?? "";
}

/** What befalls it, and the codes that its job may end with; none: the job goes on, and is cancelled. */
const FAULTS: Readonly<
  Record<string, { strike: (place: Place, jobId: string) => Promise<unknown>; codes: readonly string[] }>
> = {
  "its pod is deleted": {
    codes: ["agent_lost", "evicted"],
    strike: async (place, jobId) =>
      await place.namespace.cluster.remove("pods", await podOf(place, jobId), { graceSeconds: 0 }),
  },
  "its pod is evicted": {
    codes: ["evicted", "agent_lost"],
    async strike({ namespace, ...place }, jobId) {
      const name = await podOf({ namespace, ...place }, jobId);
      const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name } };
      await ask(namespace.server, "POST", `/api/v1/namespaces/${namespace.name}/pods/${name}/eviction`, body);
    },
  },
  "its Job is deleted": {
    codes: ["agent_lost"],
    strike: async (place, jobId) =>
      await place.namespace.cluster.remove("jobs", await objectOf(place, jobId, "jobs")),
  },
  "the service is killed": {
    codes: [],
    async strike(place) {
      await place.end("SIGKILL");
      await place.start();
    },
  },
  "the API server is away for a while": {
    codes: [],
    async strike({ cluster }) {
      await cluster.cut();
      await delay(8000);
      await cluster.mend();
    },
  },
  "the job is deleted": {
    codes: [],
    strike: async (place, jobId) => await place.fetch(`/v3/jobs/${jobId}`, { method: "DELETE" }),
  },
};

async function startPlace(): Promise<Place> {
  const cluster = await breakableCluster();
  const service = await startKubernetesService({ standIns: true, env: { KUBECONFIG: cluster.kubeconfig } });
  return { ...service, cluster };
}

/** A job that has no agent yet is launched again. */
const goesOn = (phase: Phase, codes: readonly string[]) => codes.length === 0 || phase === "creating";

async function endOf(place: Place, jobId: string, phase: Phase, codes: readonly string[]): Promise<unknown> {
  const found = await place.fetch(`/v3/jobs/${jobId}`);
  if (found.status === 404) return "deleted";
  if (!goesOn(phase, codes)) {
    const { error } = await inStatusWithin(120, place, jobId, "error", "success");
    return codes.includes(error?.code) ? "as expected" : error;
  }
  await delay(5000);
  const { error, status } = await get(place, `/v3/jobs/${jobId}`);
  if (status !== phase) return { status, error };
  await post(place, `/v3/jobs/${jobId}/cancel`);
  return "as expected";
}

it.each(["creating", "building_image", "waiting_on_user"] as const)(
  "whatever befalls a job that is %s, it ends with its reason or goes on, and nothing is left",
  async (phase) => {
    const place = await startPlace();
    for (const [name, { codes, strike }] of Object.entries(FAULTS)) {
      const jobId = await PHASES[phase](place);
      await inStatusWithin(120, place, jobId, phase, "error", "success");
      await podOf(place, jobId);
      await strike(place, jobId);
      const end = await endOf(place, jobId, phase, codes);
      expect([name, end]).toEqual([name, name === "the job is deleted" ? "deleted" : "as expected"]);
      await nothingInNamespace(place, 180);
    }
  },
  1_800_000,
);
