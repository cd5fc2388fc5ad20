import { beforeEach, describe, expect, it } from "vitest";
import { createTestService, type TestService } from "../../support/ims.ts";
import { agentOf, jobRequest } from "../../support/job-requests.ts";

let service: TestService;
let request: object;

async function begin(jobs: Parameters<typeof createTestService>[0]) {
  service = createTestService(jobs);
  request = await jobRequest(service);
}
const post = async (more: object = {}) => (await service.post("/v3/jobs", { ...request, ...more })).json;
const current = async (id: string) => (await service.get(`/v3/jobs/${id}`)).json;
const places = async () =>
  (await service.get("/v3/jobs")).json.map(({ queue }: { queue?: { position: number } }) => queue?.position);
const launched = () => service.runner.launched.map(({ jobId }) => jobId);
const tick = () => service.ims.reconciler.tick();
/** Ends a job as its agent would, and cleans up after it. */
async function fail(id: string) {
  const failure = { code: "build_failed", message: "broken", hint: "mend" };
  expect((await agentOf(service, id).say("fail", failure)).status).toBe(204);
  await tick();
}

describe("the queue of jobs", () => {
  beforeEach(() => begin({ maxRunning: 2 }));

  it("tells each job that waits its place and why, and nothing to the others", async () => {
    const ids = [];
    for (let n = 0; n < 4; n += 1) ids.push((await post()).id);
    expect(await places()).toEqual([undefined, undefined, 1, 2]);
    await tick();
    expect(await current(ids[2])).toMatchObject({
      status: "creating",
      queue: { position: 1, reason: "As many jobs as may at once are running: 2." },
    });
    expect(await current(ids[0])).not.toHaveProperty("queue");
    await fail(ids[0]);
    expect(launched()).toEqual(ids.slice(0, 3));
    expect(await places()).toEqual([undefined, undefined, undefined, 1]);
  });

  it("tells it in the answer to the POST", async () => {
    for (let n = 0; n < 2; n += 1) expect(await post()).not.toHaveProperty("queue");
    expect(await post()).toMatchObject({ queue: { position: 1 } });
  });

  it("lets a higher priority pass, and the others in the order in which they came", async () => {
    const running = [await post(), await post()];
    const low = await post({ priority: -1 });
    const first = await post();
    const second = await post();
    const urgent = await post({ priority: 10 });
    expect(urgent).toMatchObject({ priority: 10, queue: { position: 1 } });
    expect(first).not.toHaveProperty("priority");
    await tick();
    for (const { id } of [...running, urgent, first, second]) await fail(id);
    expect(launched().slice(2)).toEqual([urgent.id, first.id, second.id, low.id]);
  });

  it.each([1.5, 101, -101, "high", null])("does not take %j for a priority", async (priority) => {
    const { status, json } = await service.post("/v3/jobs", { ...request, priority });
    expect([status, Object.keys(json.errors)]).toEqual([422, ["priority"]]);
  });

  it("keeps a place for a job until nothing of its work is left", async () => {
    const [first] = [await post(), await post(), await post()];
    await tick();
    const stop = service.runner.stop.bind(service.runner);
    service.runner.stop = async () => {
      throw new Error("the work folder is busy");
    };
    await fail(first.id);
    await tick();
    expect(launched()).toHaveLength(2);
    service.runner.stop = stop;
    await tick();
    expect(launched()).toHaveLength(3);
  });

  it("is left by a job that somebody moved on, cancelled or deleted before its launch", async () => {
    await begin({ maxRunning: 1 });
    const [running, moved, cancelled, deleted, next] = [
      await post(),
      await post(),
      await post(),
      await post(),
      await post(),
    ];
    await service.patch(`/v3/jobs/${moved.id}`, { status: "building_image" });
    await service.post(`/v3/jobs/${cancelled.id}/cancel`);
    await service.remove(`/v3/jobs/${deleted.id}`);
    expect(await current(next.id)).toMatchObject({ queue: { position: 1 } });
    await tick();
    await fail(running.id);
    expect(launched()).toEqual([running.id, next.id]);
    expect(await current(moved.id)).toMatchObject({ status: "building_image" });
  });

  it("gives back the place of a job that was moved on before its launch", async () => {
    await begin({ maxRunning: 1 });
    const first = await post();
    await service.patch(`/v3/jobs/${first.id}`, { status: "building_image" });
    const second = await post();
    await tick();
    await tick();
    expect(launched()).toEqual([second.id]);
  });
});

describe("a cap by architecture", () => {
  it("holds the jobs of that architecture and lets others pass", async () => {
    await begin({ maxRunning: 3, maxByArch: { aarch64: 0 } });
    const foreign = { ...(await jobRequest(service, { arch: "aarch64" })) };
    const held = await post(foreign);
    const native = await post();
    await tick();
    expect(launched()).toEqual([native.id]);
    expect(await current(held.id)).toMatchObject({
      queue: { position: 1, reason: "The service holds all jobs for aarch64 for now." },
    });
  });
});

describe("a cap by runner", () => {
  it("holds the jobs of that runner", async () => {
    await begin({ maxRunning: 3, maxByRunner: { local: 1 } });
    const first = await post();
    expect(await post()).toMatchObject({
      queue: { position: 1, reason: "As many jobs on the local runner as may at once are running: 1." },
    });
    await tick();
    expect(launched()).toEqual([first.id]);
  });
});
