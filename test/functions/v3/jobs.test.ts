import { beforeEach, describe, expect, it } from "vitest";
import { agentToken } from "../../../core/jobs/agent-tokens.ts";
import { IMAGE_PARTS } from "../../../core/jobs/agent-messages.ts";
import { createIms } from "../../../core/ims.ts";
import { sentPart, storeImage } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import { agentOf as agentWords, jobRequest } from "../../support/job-requests.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const recipeAndKey = (more: object = {}) => jobRequest(service, more);
const agentOf = (id: string, attempt = 1) => agentWords(service, id, attempt);

const create = async (more: object = {}) =>
  (await service.post("/v3/jobs", { ...(await recipeAndKey()), ...more })).json;

/** A job that has been launched, and words to speak as its agent. */
async function launched(more: object = {}) {
  const { id } = await create(more);
  await service.ims.reconciler.tick();
  return { id, ...agentOf(id) };
}

const current = async (id: string) => (await service.get(`/v3/jobs/${id}`)).json;

describe("a new job", () => {
  it("is answered at once with every member clients know and none of the service's own", async () => {
    const request = await recipeAndKey({ require_dkms: false });
    const { status, json } = await service.post("/v3/jobs", request);
    expect(status).toBe(201);
    expect(json).toMatchObject({
      ...request,
      status: "creating",
      arch: "x86_64",
      require_dkms: false,
      resultant_image_id: null,
    });
    expect(Object.keys(json)).not.toEqual(expect.arrayContaining(["public_key"]));
    expect(JSON.stringify(json)).not.toContain("ssh-ed25519");
    expect(await current(json.id)).toEqual(json);
  });

  it("takes ids in any case and without dashes (behaviour 134)", async () => {
    const request = await recipeAndKey();
    const shouted = { ...request, artifact_id: request.artifact_id.toUpperCase().replaceAll("-", "") };
    expect((await service.post("/v3/jobs", shouted)).json.artifact_id).toBe(request.artifact_id);
  });

  it.each([
    [{ job_type: "Create" }, "job_type"],
    [{ artifact_id: "x" }, "artifact_id"],
    [{ image_root_archive_name: "" }, "image_root_archive_name"],
    [{ initrd_file_name: "" }, "initrd_file_name"],
    [{ kernel_file_name: null }, "kernel_file_name"],
    [{ build_env_size: 0 }, "build_env_size"],
    [{ job_mem_size: "none" }, "job_mem_size"],
    [{ enable_debug: null }, "enable_debug"],
    [{ ssh_containers: [{ status: "x" }] }, "ssh_containers"],
    [{ arch: "x86_64" }, "arch"],
    [{ status: "success" }, "status"],
  ])("with %j is refused for %s (behaviour 133, 134, 135, 136, 137, 138, 139)", async (more, field) => {
    const { status, json } = await service.post("/v3/jobs", { ...(await recipeAndKey()), ...more });
    expect(status).toBe(422);
    expect(Object.keys(json.errors)).toEqual([field]);
  });

  it("needs a recipe with an archive, and a key (behaviour 141, 143, 144, 145, 147)", async () => {
    const request = await recipeAndKey();
    const unknown = "11111111-1111-4111-8111-111111111111";
    const bare = (
      await service.post("/v3/recipes", { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" })
    ).json.id;
    const detail = async (more: object) => {
      const { status, json } = await service.post("/v3/jobs", { ...request, ...more });
      return `${status} ${json.detail}`;
    };
    expect(await detail({ artifact_id: unknown })).toContain(
      "400 Invalid artifact_id value in job request. No IMS recipe record",
    );
    expect(await detail({ artifact_id: bare })).toContain("does not have an artifact_link");
    expect(await detail({ public_key_id: unknown })).toContain("400 Invalid public_key_id value");
    expect(await detail({ ssh_containers: [{ name: "a" }] })).toContain("400 User defined ssh containers");
    expect(await detail({ job_type: "customize", artifact_id: unknown })).toContain("No IMS image record");
    await service.ports.artifacts.remove({
      bucket: "ims",
      key: `recipes/${request.artifact_id}/recipe.tar.gz`,
    });
    expect(await detail({})).toMatch(/^422/u);
    expect((await service.get("/v3/jobs")).json).toEqual([]);
  });

  it("does not care what happens to recipe and key afterwards (behaviour 170)", async () => {
    const { id, artifact_id, public_key_id } = await create();
    await service.remove(`/v3/recipes/${artifact_id}`);
    await service.remove(`/v3/public-keys/${public_key_id}`);
    await service.ims.reconciler.tick();
    const plan = (await agentOf(id).ask("plan")).json;
    expect((await service.get(plan.steps[0].download.url)).text).toBe("archive");
  });
});

describe("launching", () => {
  it("starts the agent with a token of its own and keeps to the number of jobs at once", async () => {
    service = createTestService({ maxRunning: 2 });
    const ids = [];
    for (let n = 0; n < 4; n += 1) ids.push((await create()).id);
    await service.ims.reconciler.tick();
    await service.ims.reconciler.tick();
    expect(service.runner.launched.map(({ jobId }) => jobId)).toEqual(ids.slice(0, 2));
    expect(new Set(service.runner.launched.map(({ token }) => token)).size).toBe(2);
  });

  it("holds every job with a maximum of 0", async () => {
    service = createTestService({ maxRunning: 0 });
    const { id } = await create();
    await service.ims.reconciler.tick();
    expect(service.runner.launched).toEqual([]);
    expect((await current(id)).status).toBe("creating");
  });

  it("ends a job that this service cannot carry out, with the reason", async () => {
    const link = await storeImage(service.ports.artifacts, "a");
    const image = (await service.post("/v3/images", { name: "i", link, arch: "aarch64" })).json;
    const { id } = await create({ job_type: "customize", artifact_id: image.id });
    await service.ims.reconciler.tick();
    expect(await current(id)).toMatchObject({
      status: "error",
      error: { code: "not_supported", phase: "creating" },
    });
    await service.ims.reconciler.tick();
    expect(await service.ports.records.get("job-activity", id)).toBeUndefined();
  });

  it("tries again when the agent does not come up, and gives up after three launches", async () => {
    service.runner.broken = true;
    const { id } = await create();
    for (let n = 0; n < 8; n += 1) {
      await service.ims.reconciler.tick();
      service.time.now += 11_000;
    }
    expect(await current(id)).toMatchObject({ status: "error", error: { code: "launch_failed" } });
    expect(service.events.filter(({ event }) => event === "launch-failed")).toHaveLength(3);
  });

  it("gives a job whose launch was lost in a crash a new attempt, and no longer hears the old one", async () => {
    const { id } = await launched();
    service.runner.presence.delete(id);
    service.time.now += 11_000;
    await service.ims.reconciler.tick();
    await service.ims.reconciler.tick();
    expect(service.runner.launched.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect((await agentOf(id, 1).ask("plan")).status).toBe(410);
    expect((await agentOf(id, 2).ask("plan")).status).toBe(200);
  });

  it("is patient with an agent that was started right before the service went away for a while", async () => {
    const { id } = await launched();
    service.time.now += 60_000;
    const again = createIms(service.ports, service.settings);
    await again.reconciler.tick();
    expect((await current(id)).status).toBe("creating");
    service.time.now += 26_000;
    await again.reconciler.tick();
    expect(await current(id)).toMatchObject({ error: { code: "agent_lost" } });
  });

  it("does not launch a job that was moved out of creating first", async () => {
    const { id } = await create();
    await service.patch(`/v3/jobs/${id}`, { status: "building_image" });
    await service.ims.reconciler.tick();
    expect(service.runner.launched).toEqual([]);
    expect((await current(id)).status).toBe("building_image");
  });
});

describe("an agent", () => {
  it("needs the token of its own job", async () => {
    const { id } = await launched();
    const other = await create();
    const token = agentToken(service.ports.signer, { jobId: other.id, attempt: 1 });
    for (const authorization of ["", "Bearer x", `Bearer ${token}`, `Bearer ${token}x`])
      expect((await service.get(`/agent/jobs/${id}/plan`, { authorization })).status).toBe(401);
  });

  it("makes an image: status, log, uploads, record", async () => {
    const { id, say, ask, log } = await launched();
    const { steps } = (await ask("plan")).json;
    expect(steps[0].download).toMatchObject({ size: 7, sha256: expect.any(String) });
    expect((await say("report", { status: "building_image", message: "kiwi", percent: 10 })).status).toBe(
      204,
    );
    expect(await current(id)).toMatchObject({
      status: "building_image",
      progress: { message: "kiwi", percent: 10 },
    });
    expect(await (await log(0, "first\n")).json()).toEqual({ size: 6 });
    expect(await (await log(0, "first\nsecond\n")).json()).toEqual({ size: 13 });
    expect((await log(99, "x")).status).toBe(409);
    expect((await ask("log/size")).json).toEqual({ size: 13 });
    expect((await service.get(`/v3/jobs/${id}/log`, { range: "bytes=6-" })).text).toBe("second\n");

    for (const part of IMAGE_PARTS) {
      const target = (await say(`artifacts/${part}/upload`)).json;
      expect((await service.put(target.url, `bytes of ${part}`, target.headers)).status).toBe(204);
    }
    expect((await service.get("/v3/images")).json).toEqual([]);
    const artifacts = IMAGE_PARTS.map((part) => sentPart(part, `bytes of ${part}`));
    expect((await say("finish", { artifacts })).status).toBe(204);
    expect((await say("finish", { artifacts })).status).toBe(204);

    const job = await current(id);
    expect(job).toMatchObject({ status: "success", resultant_image_id: expect.any(String) });
    const images = (await service.get("/v3/images")).json;
    expect(images).toMatchObject([{ id: job.resultant_image_id, name: "image", arch: "x86_64" }]);
    expect(images[0].link.path).toBe(`s3://boot-images/${job.resultant_image_id}/manifest.json`);
    const rootfs = await service.ports.artifacts.stat({
      bucket: "boot-images",
      key: `${job.resultant_image_id}/rootfs`,
    });
    expect(rootfs?.metadata).toMatchObject({
      "x-shasta-ims-image-id": job.resultant_image_id,
      "x-shasta-ims-job-id": id,
    });
    await service.ims.reconciler.tick();
    expect(service.runner.stopped).toContain(id);
    expect(await service.ports.records.get("job-activity", id)).toBeUndefined();
    expect((await service.get(`/v3/images/${job.resultant_image_id}/artifacts`)).json).toHaveLength(6);
  });

  it("cannot finish with what it did not upload", async () => {
    const { id, say } = await launched();
    const artifacts = IMAGE_PARTS.map((part) => sentPart(part, "x"));
    expect((await say("finish", { artifacts })).status).toBe(422);
    expect((await say("finish", { artifacts: artifacts.slice(1) })).status).toBe(422);
    expect((await current(id)).status).toBe("creating");
    expect((await service.get("/v3/images")).json).toEqual([]);
  });

  it("says why it failed; the job keeps reason, phase and last lines, and what it uploaded goes", async () => {
    const { id, say, log } = await launched();
    await say("report", { status: "packaging_artifacts" });
    await log(0, "one\ntwo\n");
    const { url } = (await say("artifacts/kernel/upload")).json;
    await service.put(url, "kernel");
    const failure = { code: "packing_failed", message: "mksquashfs failed", exit_code: 3, hint: "look" };
    expect((await say("fail", failure)).status).toBe(204);
    expect((await say("fail", failure)).status).toBe(204);
    expect(await current(id)).toMatchObject({
      status: "error",
      error: { ...failure, phase: "packaging_artifacts", log_tail: ["one", "two"] },
    });
    await service.ims.reconciler.tick();
    expect(await Array.fromAsync(service.ports.artifacts.list("boot-images", ""))).toEqual([]);
    expect((await service.get(`/v3/jobs/${id}/log`)).text).toBe("one\ntwo\n");
  });

  it("is told to go when its job has ended or was deleted", async () => {
    const first = await launched();
    await service.post(`/v3/jobs/${first.id}/cancel`);
    expect((await first.say("report", { status: "building_image" })).status).toBe(410);
    expect((await first.ask("plan")).status).toBe(410);
    expect(await current(first.id)).toMatchObject({ status: "error", error: { code: "cancelled" } });
    await service.remove(`/v3/jobs/${first.id}`);
    expect((await first.say("report", { status: "building_image" })).status).toBe(410);
  });

  it("that died ends the job within one look, and nothing is left of it", async () => {
    const { id, say } = await launched();
    await say("report", { status: "building_image" });
    service.runner.presence.set(id, { state: "absent", reason: "Killed" });
    await service.ims.reconciler.tick();
    expect(await current(id)).toMatchObject({
      status: "error",
      error: { code: "agent_lost", phase: "building_image" },
    });
    expect((await current(id)).error.message).toContain("Killed");
    await service.ims.reconciler.tick();
    expect(await service.ports.records.get("job-activity", id)).toBeUndefined();
  });

  it("that is silent for too long ends the job; one that cannot be looked at does not at once", async () => {
    const { id, say } = await launched();
    await say("report", { status: "building_image" });
    service.runner.presence.set(id, { state: "unknown", reason: "node out of reach" });
    service.time.now += 20_000;
    await service.ims.reconciler.tick();
    expect((await current(id)).status).toBe("building_image");
    service.time.now += 10_000;
    await service.ims.reconciler.tick();
    expect(await current(id)).toMatchObject({ status: "error", error: { code: "agent_lost" } });
  });
});

describe("people", () => {
  it("set any status and image; success and error end the work without a reason (behaviour 171, 172, 174)", async () => {
    const { id, say } = await launched();
    await say("report", { status: "building_image" });
    const image = "46a2731e-a1d0-4f98-ba92-4f78c756bb12";
    const patched = await service.patch(`/v3/jobs/${id}`, {
      resultant_image_id: image.toUpperCase(),
      status: "success",
    });
    expect(patched).toMatchObject({ status: 200, json: { status: "success", resultant_image_id: image } });
    expect(patched.json).not.toHaveProperty("error");
    await service.ims.reconciler.tick();
    expect(service.runner.stopped).toContain(id);
    expect((await service.patch(`/v3/jobs/${id}`, { status: "nonsense" })).status).toBe(422);
    expect((await service.patch(`/v3/jobs/${id}`, {})).status).toBe(400);
  });

  it("cancel a job once and for all", async () => {
    const { id } = await launched();
    expect((await service.post(`/v3/jobs/${id}/cancel`)).json.error.code).toBe("cancelled");
    expect((await service.post(`/v3/jobs/${id}/cancel`)).status).toBe(200);
    const other = await create();
    await service.patch(`/v3/jobs/${other.id}`, { status: "success" });
    expect((await service.post(`/v3/jobs/${other.id}/cancel`)).status).toBe(409);
  });

  it("delete a job for good; its work is cleaned afterwards, its log with it (behaviour 176)", async () => {
    const { id, log } = await launched();
    await log(0, "text\n");
    expect((await service.remove(`/v3/jobs/${id}`)).status).toBe(204);
    expect((await service.remove(`/v3/jobs/${id}`)).status).toBe(404);
    await service.ims.reconciler.tick();
    expect(service.runner.stopped).toContain(id);
    expect(await service.ports.logs.totalSize(id)).toBe(0);
    expect(await service.ports.records.get("job-activity", id)).toBeUndefined();
  });

  it("list and delete by filter, and nothing by a filter that means nothing (behaviour 178, 179, 183)", async () => {
    const first = await create();
    const second = await create();
    await service.patch(`/v3/jobs/${second.id}`, { status: "error" });
    expect((await service.get("/v3/jobs?status=ERROR&status=success")).json).toMatchObject([
      { id: second.id },
    ]);
    expect((await service.remove("/v3/jobs?age=abc")).status).toBe(400);
    expect((await service.get("/v3/jobs?unknown=x")).json).toHaveLength(2);
    expect((await service.remove("/v3/jobs?status=error")).status).toBe(204);
    expect((await service.get("/v3/jobs")).json).toMatchObject([{ id: first.id }]);
    expect((await service.remove("/v3/jobs")).status).toBe(204);
    expect((await service.get("/v3/jobs")).json).toEqual([]);
  });
});

describe("what nobody knows any more", () => {
  it("is stopped by the sweep, and what somebody knows is not", async () => {
    const { id } = await launched();
    service.runner.presence.set("forgotten", { state: "running" });
    await service.ims.reconciler.sweep();
    expect(service.runner.stopped).toEqual(["forgotten"]);
    expect(service.runner.presence.has(id)).toBe(true);
  });
});
