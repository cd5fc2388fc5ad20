import { describe, expect, it } from "vitest";
import { ask } from "../support/kubernetes.ts";
import {
  breakableCluster,
  type KubernetesService,
  nothingInNamespace,
  runningPod,
  startKubernetesService,
} from "../support/kubernetes-service.ts";
import { archiveBytes, expectImage, get, inStatusWithin, post, postJob, recipe } from "../support/road.ts";
import { logOf } from "../support/shell-jobs.ts";
import { until } from "../support/service-process.ts";

const LIMIT_MS = 300_000;

const build = async (service: KubernetesService, behave = "", more: object = {}) =>
  await postJob(service, await archiveBytes(recipe(behave)), {}, more);
const ended = (service: KubernetesService, id: string) =>
  inStatusWithin(120, service, id, "success", "error");

/** A job that builds, and goes on doing so for a while. */
async function building(service: KubernetesService, seconds = 600): Promise<string> {
  const id = await build(service, `seconds ${seconds}`);
  await inStatusWithin(90, service, id, "building_image", "error", "success");
  await until("its log grows", async () =>
    (await logOf(service, id)).includes("still at it") ? true : undefined,
  );
  return id;
}

describe("a job in a pod", () => {
  it(
    "that is cancelled or deleted leaves nothing in the cluster",
    async () => {
      const service = await startKubernetesService({ standIns: true });
      const [cancelled, deleted] = [await building(service), await building(service)];
      await post(service, `/v3/jobs/${cancelled}/cancel`);
      expect((await service.fetch(`/v3/jobs/${deleted}`, { method: "DELETE" })).status).toBe(204);
      await nothingInNamespace(service);
      expect(await get(service, `/v3/jobs/${cancelled}`)).toMatchObject({ error: { code: "cancelled" } });
      expect((await service.fetch(`/v3/jobs/${deleted}`)).status).toBe(404);
    },
    LIMIT_MS,
  );

  it(
    "that an administrator ends by PATCH loses its pod, shell and volume, and the rest when it is deleted (behaviour 174, 176)",
    async () => {
      const service = await startKubernetesService({ standIns: true });
      const id = await building(service);
      const body = JSON.stringify({ status: "error" });
      const headers = { "content-type": "application/json" };
      expect((await service.fetch(`/v3/jobs/${id}`, { method: "PATCH", body, headers })).status).toBe(200);
      const kinds = async () =>
        (await service.namespace.objects()).map((name) => name.replace(/\/.*/u, "")).sort();
      await until("pod, shell and volume are gone", async () =>
        (await kinds()).join() === "configmaps,jobs,secrets" ? true : undefined,
      );
      expect((await service.fetch(`/v3/jobs/${id}`, { method: "DELETE" })).status).toBe(204);
      await nothingInNamespace(service, 120);
    },
    LIMIT_MS,
  );

  it(
    "whose pod is deleted, evicted, or out of memory ends with its reason",
    async () => {
      const service = await startKubernetesService({ standIns: true });
      const { name, server } = service.namespace;
      const [killed, evicted] = [await building(service), await building(service)];
      const hungry = await build(service, "eat");
      const path = `/api/v1/namespaces/${name}/pods`;
      await ask(server, "DELETE", `${path}/${await runningPod(service, killed)}`, { gracePeriodSeconds: 0 });
      const pod = await runningPod(service, evicted);
      const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod } };
      expect((await ask(server, "POST", `${path}/${pod}/eviction`, eviction)).status).toBe(201);
      expect((await ended(service, killed)).error).toMatchObject({
        code: "agent_lost",
        phase: "building_image",
        log_tail: expect.arrayContaining([expect.stringContaining("still at it")]),
      });
      expect((await ended(service, evicted)).error).toMatchObject({ code: "evicted" });
      expect((await ended(service, hungry)).error).toMatchObject({
        code: "oom_killed",
        hint: expect.stringContaining("job_mem_size 2"),
      });
      await nothingInNamespace(service);
    },
    LIMIT_MS,
  );

  it(
    "that no node has room for ends in the scheduler's words",
    async () => {
      const service = await startKubernetesService({
        standIns: true,
        env: { IMS_KUBERNETES_CPU: "4000", IMS_KUBERNETES_START_SECONDS: "10" },
      });
      const id = await build(service);
      expect((await ended(service, id)).error).toMatchObject({
        code: "unschedulable",
        phase: "creating",
        message: expect.stringContaining("Insufficient cpu"),
      });
      await nothingInNamespace(service);
    },
    LIMIT_MS,
  );

  it(
    "goes on while the service is killed and started again, and while the API server is away",
    async () => {
      const cluster = await breakableCluster();
      const service = await startKubernetesService({
        standIns: true,
        env: { KUBECONFIG: cluster.kubeconfig },
      });
      const id = await building(service, 20);
      await service.end("SIGKILL");
      await service.start();
      await cluster.cut();
      // a launch while nobody answers
      const other = await build(service);
      await until("the launch has met with nobody", async () =>
        service.output().includes("runner-trouble") ? true : undefined,
      );
      await cluster.mend();
      for (const each of [id, other]) {
        const job = await ended(service, each);
        expect([job.status, job.error]).toEqual(["success", undefined]);
        await expectImage(service, job.resultant_image_id);
      }
      await nothingInNamespace(service);
    },
    LIMIT_MS,
  );
});

it(
  "runs twenty jobs that come at once, no more at a time than it may",
  async () => {
    const most = 4;
    const service = await startKubernetesService({ standIns: true, env: { IMS_MAX_JOBS: String(most) } });
    const ids = await Promise.all(Array.from({ length: 20 }, () => build(service)));
    let seen = 0;
    const jobs = await until(
      "all have ended",
      async () => {
        seen = Math.max(
          seen,
          (await service.namespace.objects()).filter((name) => name.startsWith("jobs/")).length,
        );
        const all = await Promise.all(ids.map((id) => get(service, `/v3/jobs/${id}`)));
        return all.every(({ status }) => ["success", "error"].includes(status)) ? all : undefined;
      },
      240,
    );
    expect(jobs.filter(({ status }) => status === "error").map(({ error }) => error)).toEqual([]);
    expect(seen).toBeGreaterThan(1);
    expect(seen).toBeLessThanOrEqual(most);
    await nothingInNamespace(service);
  },
  LIMIT_MS,
);
