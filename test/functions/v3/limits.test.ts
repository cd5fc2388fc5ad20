import { beforeEach, describe, expect, it } from "vitest";
import { DomainError } from "../../../core/errors.ts";
import { LIMITED_PHASES } from "../../../core/jobs/status.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import { agentOf, jobRequest } from "../../support/job-requests.ts";

const phaseSeconds = {
  fetching_image: 100,
  fetching_recipe: 100,
  waiting_for_repos: 100,
  building_image: 100,
  packaging_artifacts: 100,
  waiting_on_user: 1000,
};

let service: TestService;
beforeEach(() => {
  service = createTestService({ phaseSeconds, idleLimitSeconds: 120 });
});

const current = async (id: string) => (await service.get(`/v3/jobs/${id}`)).json;
const tick = () => service.ims.reconciler.tick();

/** A launched job, whatever the service can carry out by now. */
async function launched() {
  const { id } = (await service.post("/v3/jobs", await jobRequest(service))).json;
  await tick();
  return { id, ...agentOf(service, id) };
}

/** Time passes in steps, in each of which the agent says the same. */
async function pass(seconds: number, say: () => Promise<unknown>) {
  for (let left = seconds; left > 0; left -= 10) {
    service.time.now += Math.min(10, left) * 1000;
    await say();
    await tick();
  }
}

describe("the limit of a phase", () => {
  it.each(LIMITED_PHASES.filter((phase) => phase !== "fetching_image" && phase !== "waiting_on_user"))(
    "ends a job that is too long in %s, saying which limit, and stops its agent",
    async (status) => {
      const { id, say } = await launched();
      const report = () => say("report", { status });
      await report();
      await pass(100, report);
      expect(await current(id)).toMatchObject({ status });
      await pass(10, report);
      const { error } = await current(id);
      expect(error).toMatchObject({ code: "deadline_exceeded", phase: status });
      expect(error.message).toContain(`limit of 100 s for ${status}`);
      expect(error.hint).toContain(`IMS_PHASE_SECONDS=${status}=`);
      await tick();
      expect(service.runner.stopped).toContain(id);
      expect((await say("report", { status })).status).toBe(410);
    },
  );

  it("begins anew with each phase", async () => {
    const { id, say } = await launched();
    for (const status of ["fetching_recipe", "building_image", "packaging_artifacts"])
      await pass(90, () => say("report", { status }));
    expect(await current(id)).toMatchObject({ status: "packaging_artifacts" });
  });

  it("is a short one for an agent that is heard and does not begin", async () => {
    const { id, say } = await launched();
    const report = () => say("report", { status: "creating" });
    await report();
    await pass(300, report);
    expect(await current(id)).toMatchObject({ status: "creating" });
    await pass(10, report);
    expect((await current(id)).error).toMatchObject({ code: "agent_lost", phase: "creating" });
  });

  it("does not count the time in which a job waits for its turn", async () => {
    service = createTestService({ maxRunning: 0, phaseSeconds });
    const { id } = (await service.post("/v3/jobs", await jobRequest(service))).json;
    service.time.now += 1e9;
    await tick();
    expect(await current(id)).toMatchObject({ status: "creating" });
  });
});

describe("the limit of a shell that nobody uses", () => {
  it("ends the job a little after its agent should have, and moves with every use", async () => {
    const { id, say } = await launched();
    const idle = (idle_seconds: number) => say("report", { status: "waiting_on_user", idle_seconds });
    await pass(300, () => idle(5));
    expect(await current(id)).toMatchObject({ status: "waiting_on_user" });
    let seconds = 5;
    await pass(160, () => idle((seconds += 10)));
    expect(await current(id)).toMatchObject({ status: "waiting_on_user" });
    await pass(40, () => idle((seconds += 10)));
    const { error } = await current(id);
    expect(error).toMatchObject({ code: "deadline_exceeded", phase: "waiting_on_user" });
    expect(error.message).toContain("Nobody used the job's shell for 120 s");
  });

  it("is not the only one: a shell that is always in use ends, too", async () => {
    const { id, say } = await launched();
    await pass(1020, () => say("report", { status: "waiting_on_user", idle_seconds: 0 }));
    expect((await current(id)).error.message).toContain("limit of 1000 s for waiting_on_user");
  });
});

describe("a runner that fails to answer", () => {
  it("does not keep a silent job for ever", async () => {
    const { id, say } = await launched();
    await say("report", { status: "building_image" });
    service.runner.inspect = async () => {
      throw new DomainError("unavailable", "The folder of running jobs cannot be used.");
    };
    service.time.now += 20_000;
    await tick();
    expect(await current(id)).toMatchObject({ status: "building_image" });
    service.time.now += 10_000;
    await tick();
    expect(await current(id)).toMatchObject({ status: "error", error: { code: "agent_lost" } });
  });

  it("does not keep a job that it may or may not have launched for ever", async () => {
    const { id } = await launched();
    service.runner.presence.set(id, { state: "unknown", reason: "the node is out of reach" });
    service.time.now += 30_000;
    await tick();
    expect(await current(id)).toMatchObject({ status: "error", error: { code: "agent_lost" } });
  });

  it("ends a job on a node that is out of reach for too long, saying that it was the node", async () => {
    const { id, say } = await launched();
    Object.assign(service.runner, { name: "ssh" });
    const { records } = service.ports;
    const [stored] = (await records.list("job-activity")).records;
    if (stored === undefined) throw new Error("There is no activity.");
    const value = { ...stored.value, node: "x1", runner: "ssh" as const };
    await records.commit([{ op: "replace", kind: "job-activity", id, version: stored.version, value }]);
    await say("report", { status: "building_image" });
    service.runner.presence.set(id, { state: "unknown", reason: "Node x1 cannot be reached." });
    service.time.now += 160_000;
    await tick();
    expect(await current(id)).toMatchObject({ status: "building_image" });
    service.time.now += 20_000;
    await tick();
    const { error } = await current(id);
    expect(error).toMatchObject({ code: "node_unreachable", phase: "building_image" });
    expect(error.message).toContain("Node x1 cannot be reached.");
  });

  it("does not keep other jobs from being looked at", async () => {
    const [stuck, dead] = [await launched(), await launched()];
    await dead.say("report", { status: "building_image" });
    await service.post(`/v3/jobs/${stuck.id}/cancel`);
    service.runner.stop = () => new Promise(() => undefined);
    void tick();
    service.runner.presence.set(dead.id, { state: "absent" });
    await expect.poll(() => current(dead.id)).toMatchObject({ status: "error" });
  });
});

describe("what the runner knows of the end of an agent", () => {
  it.each([
    ["machine-restarted", "agent_lost", "restarted"],
    ["oom-killed", "oom_killed", "out of memory"],
    ["work-folder-gone", "work_folder_lost", "work folder was removed"],
    ["node-lost", "node_lost", "node that the job ran on is gone"],
  ] as const)("becomes the job's reason: %s", async (cause, code, words) => {
    const { id, say } = await launched();
    await say("report", { status: "building_image" });
    service.runner.presence.set(id, { state: "absent", cause, reason: "last words" });
    await tick();
    const { error } = await current(id);
    expect(error).toMatchObject({ code, phase: "building_image" });
    expect(error.message).toContain(words);
    expect(error.message).toContain("last words");
  });
});

describe("what a job asked for", () => {
  const GIB = 2 ** 30;
  const post = async (sizes: object) =>
    (await service.post("/v3/jobs", { ...(await jobRequest(service)), ...sizes })).json;

  it("is what its agent is held to: memory and disk", async () => {
    await post({ job_mem_size: 3, build_env_size: 20 });
    await tick();
    expect(service.runner.launched.map(({ limits }) => limits)).toEqual([
      { memoryBytes: 3 * GIB, diskBytes: 20 * GIB },
    ]);
  });

  it("is not when limits are switched off", async () => {
    service = createTestService({ limited: false });
    await post({ job_mem_size: 3 });
    await tick();
    expect(service.runner.launched).toHaveLength(1);
    expect(service.runner.launched[0]).not.toHaveProperty("limits");
  });

  it("is named, with what was used, when its agent ran out of memory", async () => {
    const { id, say } = await launched();
    await say("report", { status: "building_image" });
    const memory = { limitBytes: 3 * GIB, peakBytes: 3 * GIB };
    service.runner.presence.set(id, { state: "absent", cause: "oom-killed", memory });
    await tick();
    expect((await current(id)).error.hint).toBe(
      "The job asked for 3 GiB (job_mem_size) and used 3 GiB at its peak: post it again with job_mem_size 6.",
    );
  });
});
