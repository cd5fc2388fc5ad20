import { beforeEach, describe, expect, it } from "vitest";
import { createMemoryRecords } from "../../../adapters/records/memory.ts";
import { listValues } from "../../../core/collection.ts";
import { DomainError } from "../../../core/errors.ts";
import { createNodeDirectory } from "../../../core/nodes/node-directory.ts";
import type { NodeFacts, RemoteBuildNode } from "../../../core/nodes/node.ts";
import type { AgentPresence, JobRunner } from "../../../core/ports/job-runner.ts";
import { createTestService } from "../../support/ims.ts";
import { storeImage } from "../../support/images.ts";
import { jobRequest } from "../../support/job-requests.ts";

const facts: NodeFacts = {
  arch: "x86_64",
  machine: "x86_64",
  podman: "5.0.0",
  jobs: 0,
  free_bytes: 2 ** 40,
  free_memory_bytes: 2 ** 40,
};
const HOST_KEY = `SHA256:${"A".repeat(43)}`;

/** Nodes are names; what they are, which of them take no jobs, and which are cut off, is up to the test. */
function createNodes() {
  const records = createMemoryRecords();
  const machines = new Map<string, NodeFacts>();
  const broken = new Set<string>();
  const cutOff = new Set<string>();
  const launched: string[] = [];
  const presence = new Map<string, AgentPresence>();
  const where = (jobId: string, node = "") => `${jobId} ${node}`;
  const runner: JobRunner = {
    name: "ssh",
    async launch({ jobId, node = "" }) {
      launched.push(node);
      if (broken.has(node) || cutOff.has(node)) throw new DomainError("unavailable", "It does not start.");
      presence.set(where(jobId, node), { state: "running" });
    },
    async inspect({ jobId, node = "" }) {
      if (cutOff.has(node)) return { state: "unknown", reason: `${node} is out of reach.` };
      return presence.get(where(jobId, node)) ?? { state: "absent" };
    },
    stop: async ({ jobId, node }) => void presence.delete(where(jobId, node)),
    leftovers: async () => [],
  };
  const probing = { during: async () => undefined as unknown };
  const probe = async ({ xname, host = xname }: RemoteBuildNode): Promise<NodeFacts> => {
    await createNodeDirectory(records).pin(xname, HOST_KEY);
    const found = machines.get(host);
    await probing.during();
    if (found === undefined) throw new DomainError("unavailable", `${host} does not answer.`);
    return found;
  };
  return { records, machines, broken, cutOff, launched, runner, probe, probing };
}

let nodes: ReturnType<typeof createNodes>;
let service: ReturnType<typeof createTestService>;

beforeEach(() => {
  nodes = createNodes();
  service = createTestService(
    { maxByNode: 2, maxRunning: 10 },
    { records: nodes.records, runners: [nodes.runner], nodeProbe: { probe: nodes.probe } },
  );
});

const register = (xname: string, more: object = {}) =>
  service.post("/v3/remote-build-nodes", { xname, ...more });
const watch = () => service.ims.remoteBuildNodes.watch();
const tick = () => service.ims.reconciler.tick();
const job = async (more: object = {}) =>
  (await service.post("/v3/jobs", { ...(await jobRequest(service)), ...more })).json;
const slots = async () => (await listValues(nodes.records, "job-slot")).map(({ id }) => id).toSorted();
const current = async (id: string) => (await service.get(`/v3/jobs/${id}`)).json;

/** With those machines there, and looked at. */
async function withNodes(...xnames: string[]) {
  for (const xname of xnames) {
    nodes.machines.set(xname, facts);
    await register(xname);
  }
  await watch();
}

describe("the registry of nodes", () => {
  it("answers the record that is stored when an xname is registered again (behaviour 189)", async () => {
    expect(await register("x1", { host: "a" })).toMatchObject({
      status: 201,
      json: { xname: "x1", host: "a" },
    });
    expect(await register("x1", { host: "b", port: 23 })).toMatchObject({
      status: 201,
      json: { xname: "x1", host: "a" },
    });
    expect((await register("x1")).json).toEqual({ xname: "x1", host: "a" });
    expect((await service.get("/v3/remote-build-nodes")).json).toEqual([{ xname: "x1", host: "a" }]);
  });

  it("answers one record to all who register an xname at once", async () => {
    const answers = await Promise.all(["a", "b", "c"].map((host) => register("x1", { host })));
    const [stored] = (await service.get("/v3/remote-build-nodes")).json;
    expect(answers.map(({ status, json }) => [status, json])).toEqual(answers.map(() => [201, stored]));
  });

  it("gives no job to a node that was removed, though it was seen a moment ago", async () => {
    await withNodes("x1");
    expect((await job()).remote_build_node).toBe("x1");
    await service.remove("/v3/remote-build-nodes/x1");
    expect(await job()).toMatchObject({
      remote_build_node: "",
      queue: { reason: "No remote build node is known to be there." },
    });
  });

  it("does not believe of a node that is registered anew elsewhere what was seen of the former one", async () => {
    await withNodes("x1");
    await service.remove("/v3/remote-build-nodes/x1");
    await register("x1", { host: "other" });
    expect((await job()).queue.reason).toContain("x1: nobody has looked at it yet");
    expect((await service.get("/v3/remote-build-nodes/status/x1")).json.ableToRunJobs).toBe(false);
    nodes.machines.set("other", facts);
    await watch();
    expect((await service.get("/v3/remote-build-nodes/status/x1")).json.ableToRunJobs).toBe(true);
  });

  it("keeps nothing of a look that ends after the node was registered anew", async () => {
    nodes.machines.set("x1", facts);
    await register("x1");
    nodes.probing.during = async () => {
      await service.remove("/v3/remote-build-nodes/x1");
      await register("x1", { host: "other", host_key: HOST_KEY });
    };
    await watch();
    expect(await listValues(nodes.records, "node-state")).toEqual([]);
  });
});

describe("a launch that fails on a node", () => {
  it("goes to another at the next attempt, whose slot it takes as it gives back that of the first", async () => {
    await withNodes("x1");
    const { id } = await job();
    expect(await slots()).toEqual(["all.5", "node-x1.1"]);
    await withNodes("x2");
    nodes.broken.add("x1");
    await tick();
    expect(nodes.launched).toEqual(["x1"]);
    service.time.now += 11_000;
    await tick();
    expect(nodes.launched).toEqual(["x1", "x2"]);
    expect(await slots()).toEqual(["all.5", "node-x2.1"]);
    expect((await current(id)).remote_build_node).toBe("x2");
    const activity = (await nodes.records.get("job-activity", id))?.value;
    expect(activity).toMatchObject({ node: "x2", attempt: 2, slots: ["all.5", "node-x2.1"] });
  });

  it("stays where no other node is fit, and ends the job after three attempts", async () => {
    await withNodes("x1");
    nodes.broken.add("x1");
    const { id } = await job();
    for (let n = 0; n < 8; n += 1) {
      await tick();
      service.time.now += 11_000;
    }
    expect(nodes.launched).toEqual(["x1", "x1", "x1"]);
    expect(await current(id)).toMatchObject({ status: "error", error: { code: "launch_failed" } });
    await tick();
    expect(await slots()).toEqual([]);
  });

  it("goes elsewhere, too, when its node has been silent for too long, and ends the job where there is no other", async () => {
    await withNodes("x1");
    const first = await job();
    nodes.cutOff.add("x1");
    await tick();
    await withNodes("x2");
    const silent = service.settings.jobs.silenceSeconds.ssh * 1000 + 1000;
    service.time.now += silent;
    await watch();
    await tick();
    expect((await current(first.id)).remote_build_node).toBe("x2");
    expect(nodes.launched).toEqual(["x1", "x2"]);
    nodes.cutOff.add("x2");
    await service.remove("/v3/remote-build-nodes/x1");
    const second = await job();
    await tick();
    service.time.now += silent;
    await watch();
    await tick();
    expect(await current(second.id)).toMatchObject({ status: "error", error: { code: "node_unreachable" } });
  });

  it("goes to three silent nodes at most", async () => {
    const xnames = ["x1", "x2", "x3", "x4"];
    for (const xname of xnames) nodes.cutOff.add(xname);
    await withNodes(...xnames);
    const { id } = await job();
    await tick();
    for (let n = 0; n < 5; n += 1) {
      service.time.now += service.settings.jobs.silenceSeconds.ssh * 1000 + 1000;
      await watch();
      await tick();
    }
    expect(nodes.launched).toHaveLength(3);
    expect(await current(id)).toMatchObject({ status: "error", error: { code: "node_unreachable" } });
  });
});

describe("jobs for another architecture than this machine's", () => {
  it("wait for a node that can build them, and end here only where no other runner is", async () => {
    const here = service.runner;
    const both = createTestService(
      {},
      { records: nodes.records, runners: [here, nodes.runner], nodeProbe: { probe: nodes.probe } },
    );
    service = both;
    const link = await storeImage(both.ports.artifacts, "a");
    const image = (await both.post("/v3/images", { name: "i", link, arch: "aarch64" })).json;
    const { id } = await job({ job_type: "customize", artifact_id: image.id });
    await tick();
    expect(await current(id)).toMatchObject({ status: "creating", remote_build_node: "" });
    nodes.machines.set("x1", { ...facts, arch: "aarch64", machine: "aarch64" });
    await register("x1");
    await watch();
    await tick();
    expect(nodes.launched).toEqual(["x1"]);
    expect(here.launched).toEqual([]);
    expect((await current(id)).remote_build_node).toBe("x1");
  });
});
