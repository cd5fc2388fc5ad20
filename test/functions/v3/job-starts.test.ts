import { beforeEach, describe, expect, it } from "vitest";
import type { AbsenceCause, AgentPresence } from "../../../core/ports/job-runner.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import { agentOf, jobRequest } from "../../support/job-requests.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const current = async (id: string) => (await service.get(`/v3/jobs/${id}`)).json;

/** A launched job, of which the runner says this from then on. */
async function launched(presence: AgentPresence): Promise<string> {
  const { id } = (await service.post("/v3/jobs", await jobRequest(service))).json;
  await service.ims.reconciler.tick();
  service.runner.presence.set(id, presence);
  return id;
}

async function pass(seconds: number): Promise<void> {
  service.time.now += seconds * 1000;
  await service.ims.reconciler.tick();
}

describe("an agent on its way to run", () => {
  it("has as much time as its runner gives it, and from then on that of all agents", async () => {
    const id = await launched({ state: "starting", reason: "Its pod is being made." });
    await pass(2);
    expect((await current(id)).progress).not.toHaveProperty("message");
    for (let minutes = 0; minutes < 30; minutes += 1) await pass(60);
    expect(await current(id)).toMatchObject({
      status: "creating",
      progress: { message: "Its pod is being made." },
    });
    service.runner.presence.set(id, { state: "running" });
    await pass(2);
    expect(await current(id)).toMatchObject({ status: "creating" });
    await agentOf(service, id).say("report", { status: "fetching_recipe" });
    const begun = await current(id);
    expect([begun.status, begun.progress.message]).toEqual(["fetching_recipe", undefined]);
    expect(service.runner.launched).toHaveLength(1);
  });

  it("is lost when it runs and says nothing", async () => {
    const id = await launched({ state: "starting" });
    await pass(600);
    service.runner.presence.set(id, { state: "running" });
    await pass(service.settings.jobs.silenceSeconds.local + 1);
    expect((await current(id)).error).toMatchObject({ code: "agent_lost", phase: "creating" });
  });

  it.each([
    ["image-pull-failed", "image_pull_failed", "IMS_AGENT_IMAGE"],
    ["unschedulable", "unschedulable", "job_mem_size"],
    ["volume-pending", "volume_pending", "IMS_KUBERNETES_STORAGE_CLASS"],
  ] as const)("that cannot (%s) is not tried again: its job ends in %s", async (cause, code, hint) => {
    const id = await launched({ state: "absent", cause, reason: "0/3 nodes are available." });
    await pass(1);
    expect((await current(id)).error).toMatchObject({
      code,
      phase: "creating",
      message: expect.stringContaining("0/3 nodes are available."),
      hint: expect.stringContaining(hint),
    });
    expect(service.runner.launched).toHaveLength(1);
  });
});

it.each([
  ["evicted", "evicted"],
  ["node-lost", "node_lost"],
  ["deadline", "deadline_exceeded"],
] as const satisfies readonly (readonly [AbsenceCause, string])[])(
  "an agent that is gone because of %s ends its job in %s, in the runner's words",
  async (cause, code) => {
    const id = await launched({ state: "running" });
    await agentOf(service, id).say("report", { status: "building_image" });
    service.runner.presence.set(id, { state: "absent", cause, reason: "The node was low on disk." });
    await pass(1);
    expect((await current(id)).error).toMatchObject({
      code,
      phase: "building_image",
      message: expect.stringContaining("The node was low on disk."),
    });
  },
);

it("what a runner keeps for an administrator goes when the job's record is gone, other leftovers at once", async () => {
  const id = await launched({ state: "running" });
  const [kept, stray] = [{ jobId: id, kept: true as const }, { jobId: "stray" }];
  service.runner.leftovers = async () => [kept, stray];
  service.runner.releaseShell = async () => undefined;
  await service.call("PATCH", `/v3/jobs/${id}`, { status: "error" });
  await pass(1);
  await service.ims.reconciler.sweep();
  expect(service.runner.stopped).toEqual(["stray"]);
  await service.remove(`/v3/jobs/${id}`);
  await pass(1);
  await service.ims.reconciler.sweep();
  expect(service.runner.stopped).toContain(id);
});
