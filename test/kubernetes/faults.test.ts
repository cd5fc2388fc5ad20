import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { AgentPresence, JobRunner } from "../../core/ports/job-runner.ts";
import { ask, kubernetesBench, testConfig, testOrder } from "../support/kubernetes.ts";
import { IDLE, until } from "../support/local-runner.ts";
import { createKubernetesRunner } from "../../adapters/job-runner/kubernetes/runner.ts";

type Bench = Awaited<ReturnType<typeof kubernetesBench>>;

const absent = ({ runner }: { readonly runner: JobRunner }, jobId: string) =>
  until(async (): Promise<Extract<AgentPresence, { state: "absent" }> | undefined> => {
    const presence = await runner.inspect({ jobId });
    return presence.state === "absent" ? presence : undefined;
  });

const launched = async (bench: Bench, more: Parameters<typeof testOrder>[3] = {}): Promise<string> => {
  const jobId = bench.newJob();
  await bench.runner.launch(testOrder(bench.namespace.name, jobId, 1, more));
  return jobId;
};

const runs = (bench: Bench, jobId: string) =>
  until(async () => ((await bench.started(jobId)).length > 0 ? true : undefined));

async function evict({ namespace }: Bench, jobId: string): Promise<void> {
  const [pod] = await namespace.pods(jobId);
  const path = `/api/v1/namespaces/${namespace.name}/pods/${pod?.metadata.name}/eviction`;
  const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod?.metadata.name } };
  expect(await ask(namespace.server, "POST", path, body)).toMatchObject({ status: 201 });
}

/** Asks for what no node has, and gives up soon. */
const hurried = { startSeconds: 3 };

describe("a pod that does not start", () => {
  it("is unschedulable in the scheduler's own words", async () => {
    const bench = await kubernetesBench(IDLE, { ...hurried, cpu: "4000" });
    const jobId = await launched(bench);
    const waiting = await until(async () => {
      const presence = await bench.runner.inspect({ jobId });
      return presence.state === "starting" && presence.reason?.includes("Insufficient cpu") === true
        ? presence
        : undefined;
    });
    expect(waiting).toMatchObject({ state: "starting" });
    expect(await absent(bench, jobId)).toMatchObject({
      cause: "unschedulable",
      reason: expect.stringMatching(/nodes? (?:is|are) available: .*Insufficient cpu/u),
    });
    await bench.runner.stop({ jobId });
    expect(await bench.namespace.objects()).toEqual([]);
  });

  it("has an image that nobody can fetch, or none that could be", async () => {
    const bench = await kubernetesBench(IDLE, { ...hurried, image: "localhost/ims-nobody-has-this:1" });
    expect(await absent(bench, await launched(bench))).toMatchObject({
      cause: "image-pull-failed",
      reason: expect.stringContaining("ims-nobody-has-this"),
    });
    const invalid = await kubernetesBench(IDLE, { image: "localhost/UPPER CASE" });
    expect(await absent(invalid, await launched(invalid))).toMatchObject({ cause: "image-pull-failed" });
  });

  it("waits for a volume that nobody makes", async () => {
    const bench = await kubernetesBench(IDLE, {
      ...hurried,
      volume: { kind: "claim", storageClass: "ims-nobody-has-this" },
    });
    expect(await absent(bench, await launched(bench))).toMatchObject({
      cause: "volume-pending",
      reason: expect.stringMatching(/PersistentVolumeClaim|storageclass/iu),
    });
  });

  it("is of no use when its node is for another architecture", async () => {
    const bench = await kubernetesBench(IDLE, hurried);
    const arch = process.arch === "arm64" ? "x86_64" : "aarch64";
    expect(await absent(bench, await launched(bench, { arch }))).toMatchObject({
      cause: "unschedulable",
      reason: expect.stringContaining("node affinity/selector"),
    });
  });
});

describe("a pod that ends before its time", () => {
  it("was out of memory, with the limit that it had", async () => {
    // tail keeps all of a line that never ends
    const bench = await kubernetesBench("exec tail -n 1 /dev/zero");
    const limitBytes = 64 * 2 ** 20;
    const presence = await absent(bench, await launched(bench));
    expect(presence).toMatchObject({ cause: "oom-killed", memory: { limitBytes } });
  });

  it("was evicted, as from a node that is drained", async () => {
    const bench = await kubernetesBench();
    const jobId = await launched(bench);
    await runs(bench, jobId);
    await evict(bench, jobId);
    expect(await absent(bench, jobId)).toMatchObject({
      cause: "evicted",
      reason: expect.stringMatching(/evict|DisruptionTarget/iu),
    });
    // whoever saw nothing of it
    const late = bench.again();
    expect(await absent({ runner: late }, jobId)).toMatchObject({
      cause: "evicted",
    });
  });

  it("was too long at work for its cluster", async () => {
    const bench = await kubernetesBench(IDLE, { deadlineSeconds: 3 });
    expect(await absent(bench, await launched(bench))).toMatchObject({ cause: "deadline" });
  });

  it("was deleted by somebody, or its whole Job was", async () => {
    const bench = await kubernetesBench();
    const [one, other] = [await launched(bench), await launched(bench)];
    await runs(bench, one);
    await runs(bench, other);
    const [pod] = await bench.namespace.pods(one);
    await bench.namespace.cluster.remove("pods", pod?.metadata.name ?? "", { graceSeconds: 0 });
    await bench.namespace.cluster.remove("jobs", `cray-ims-${other}-customize`);
    expect((await absent(bench, one)).reason).toBeDefined();
    expect(await absent(bench, other)).toBeDefined();
  });
});

describe("a launch", () => {
  it("goes on with what a crash left of an earlier try, whatever that was", async () => {
    const bench = await kubernetesBench();
    const jobId = bench.newJob();
    const order = testOrder(bench.namespace.name, jobId);
    // Breaks off after each number of requests, as a killed process does.
    for (let calls = 1; calls < 8; calls += 1) {
      let left = calls;
      const server = {
        send: async (request: Parameters<Bench["namespace"]["server"]["send"]>[0]) => {
          left -= 1;
          if (left < 0) return await new Promise<never>(() => undefined);
          return await bench.namespace.server.send(request);
        },
      };
      const config = testConfig(bench.namespace.name, { command: ["sleep", "300"] });
      const dying = createKubernetesRunner({ server, config, view: "poll" });
      await Promise.race([dying.launch(order), delay(700)]);
    }
    await bench.runner.launch(order);
    await until(async () => ((await bench.runner.inspect({ jobId })).state === "running" ? true : undefined));
    const objects = await bench.namespace.objects(jobId);
    expect(objects.map((name) => name.replace(/\/.*/u, "")).sort()).toEqual([
      "configmaps",
      "jobs",
      "persistentvolumeclaims",
      "pods",
      "secrets",
      "services",
    ]);
    await bench.runner.stop({ jobId });
    expect(await bench.namespace.objects()).toEqual([]);
  });

  it("that never came to its end is none, and is removed", async () => {
    const bench = await kubernetesBench();
    const jobId = bench.newJob();
    let left = 2;
    const server = {
      send: async (request: Parameters<Bench["namespace"]["server"]["send"]>[0]) => {
        left -= 1;
        if (left < 0) return await new Promise<never>(() => undefined);
        return await bench.namespace.server.send(request);
      },
    };
    const dying = createKubernetesRunner({ server, config: testConfig(bench.namespace.name), view: "poll" });
    await Promise.race([dying.launch(testOrder(bench.namespace.name, jobId)), delay(1000)]);
    expect(await bench.runner.inspect({ jobId })).toMatchObject({
      state: "absent",
      reason: "its launch was not finished",
    });
    expect(await bench.runner.leftovers()).toEqual([{ jobId }]);
    await bench.runner.stop({ jobId });
    expect(await bench.namespace.objects()).toEqual([]);
  });

  it("brings a copy of the site's signing keys, where there are some, and none where there are not", async () => {
    const keys = { namespace: "", name: "site-keys" };
    const bench = await kubernetesBench('cat "$IMS_SIGNING_KEYS"/* >&2; exit 3', { signingKeys: keys });
    const { cluster, name } = bench.namespace;
    keys.namespace = name;
    const [without, having] = [bench.newJob(), bench.newJob()];
    const order = (jobId: string) => {
      const plain = testOrder(name, jobId);
      const secret = `cray-ims-${jobId}-signing-keys`;
      return { ...plain, work: { ...plain.work, kubernetes: { ...plain.work.kubernetes, secret } } };
    };
    await bench.runner.launch(order(without));
    expect((await absent(bench, without)).reason).toContain("No such file");
    await cluster.create("secrets", {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "site-keys" },
      stringData: { "site.asc": "the site's key" },
    });
    await bench.runner.launch(order(having));
    expect((await absent(bench, having)).reason).toContain("the site's key");
    for (const jobId of [without, having]) await bench.runner.stop({ jobId });
    expect(await bench.namespace.objects()).toEqual([]);
  });

  it("replaces what an earlier Job of the same name left, even when nobody owns it", async () => {
    const bench = await kubernetesBench();
    const jobId = bench.newJob();
    const { name } = bench.namespace;
    const order = testOrder(name, jobId);
    const stray = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: order.work.kubernetes.configmap, namespace: name },
      data: { IMS_JOB_ID: "another" },
    };
    await bench.namespace.cluster.create("configmaps", stray);
    await bench.runner.launch(order);
    expect(await runs(bench, jobId)).toBe(true);
  });
});

describe("an administrator's PATCH to success or error", () => {
  it("ends the pod, and removes shell and volume and nothing else (behaviour 174, 175)", async () => {
    const bench = await kubernetesBench();
    const jobId = await launched(bench);
    await runs(bench, jobId);
    await bench.runner.releaseShell({ jobId });
    await bench.runner.releaseShell({ jobId });
    const left = await bench.namespace.objects(jobId);
    expect(left.map((name) => name.replace(/\/.*/u, "")).sort()).toEqual(["configmaps", "jobs", "secrets"]);
    expect(await bench.runner.leftovers()).toEqual([{ jobId, kept: true }]);
    await bench.runner.stop({ jobId });
    expect(await bench.namespace.objects()).toEqual([]);
  });
});
