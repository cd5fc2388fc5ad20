import { beforeEach, describe, expect, it } from "vitest";
import { linkedImage, PUBLIC_KEY } from "../../support/client-facts.ts";
import { store, storeManifest } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import { agentOf, jobRequest } from "../../support/job-requests.ts";
import type { Json } from "../../support/json.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService({ shell: { host: "shells.example" }, idleLimitSeconds: 600 });
});

const ADDRESS = { host: "shells.example", port: 40_022 };
const HELD = {
  code: "build_failed",
  message: "A package is missing.",
  hint: "Name another.",
  exit_code: 1,
  phase: "building_image",
};

const current = async (id: string): Promise<Json> => (await service.get(`/v3/jobs/${id}`)).json;
const containerOf = async (id: string): Promise<Json> => (await current(id)).ssh_containers[0];

async function launched(request: object) {
  const { id } = (await service.post("/v3/jobs", request)).json;
  await service.ims.reconciler.tick();
  return { id, ...agentOf(service, id) };
}

async function customizing(more: object = {}) {
  const image = await linkedImage(service, { name: "base" });
  const key = (await service.post("/v3/public-keys", { name: "k", public_key: PUBLIC_KEY })).json;
  const request = { job_type: "customize", artifact_id: image.id, public_key_id: key.id, ...more };
  return { image, ...(await launched({ ...request, image_root_archive_name: "changed" })) };
}

describe("the plan of a customize job", () => {
  it("fetches the image's rootfs, opens a shell for the job's key, and packs what is left", async () => {
    const { image, ask } = await customizing({ ssh_containers: [{ jail: true }], require_dkms: true });
    const plan = (await ask("plan")).json;
    expect(plan.steps.map((step: Json) => `${step.do}: ${step.status}`)).toEqual([
      "check-shell: fetching_image",
      "fetch-rootfs: fetching_image",
      "unpack-rootfs: fetching_image",
      "open-shell: fetching_image",
      "wait-for-user: waiting_on_user",
      "close-shell: packaging_artifacts",
      "collect-boot-files: packaging_artifacts",
      "list-packages: packaging_artifacts",
      "pack-rootfs: packaging_artifacts",
      "upload: packaging_artifacts",
    ]);
    expect(plan.shell).toEqual({
      public_key: PUBLIC_KEY,
      host: "shells.example",
      jail: true,
      dkms: true,
      idle_seconds: 600,
      idle_warning_seconds: 900,
    });
    expect((await service.get(plan.steps[1].download.url)).text).toBe(`rootfs of ${image.id}`);
  });

  it("is the same when the image went to the trash meanwhile", async () => {
    const { image, ask } = await customizing();
    await service.remove(`/v3/images/${image.id}`);
    const { download } = (await ask("plan")).json.steps[1];
    expect((await service.get(download.url)).text).toBe(`rootfs of ${image.id}`);
  });

  it.each([
    ["the object's metadata", "0".repeat(32), "1".repeat(32), "0".repeat(32)],
    ["else the manifest", undefined, "1".repeat(32).replaceAll("1", "A"), "a".repeat(32)],
    ["nobody, where both are no md5: the store has the sha256 of the same bytes", "none", "", undefined],
  ])("has the rootfs checked by the md5 of %s", async (_, metadata, manifest, expected) => {
    const { artifacts } = service.ports;
    const source = (async function* () {
      yield new TextEncoder().encode("a");
    })();
    const at = { bucket: "boot-images", key: "mine/rootfs" };
    const options = metadata === undefined ? {} : { metadata: { md5sum: metadata } };
    const { etag } = await artifacts.write(at, source, options);
    const path = "s3://boot-images/mine/rootfs";
    const type = "application/vnd.cray.image.rootfs.squashfs";
    const entry = { type, md5: manifest, link: { type: "s3", path, etag } };
    const link = await storeManifest(artifacts, "mine", { version: "1.0", artifacts: [entry] });
    const image = (await service.post("/v3/images", { name: "i", link })).json;
    const { ask } = await customizing({ artifact_id: image.id });
    const { download } = (await ask("plan")).json.steps[1];
    expect(download.md5).toBe(expected);
    expect(download.sha256).toBe("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
  });

  it("is refused when the rootfs is gone for good", async () => {
    const { image, ask } = await customizing();
    await service.ports.artifacts.remove({ bucket: "boot-images", key: `${image.id}/rootfs` });
    expect(await ask("plan")).toMatchObject({ status: 422 });
    await store(service.ports.artifacts, "boot-images", `${image.id}/manifest.json`, "no manifest");
    expect(await ask("plan")).toMatchObject({ status: 422 });
  });
});

describe("the container of a job's shell", () => {
  it("has its real address from the moment on at which the job waits for its user, until it is over", async () => {
    const { id, say } = await customizing({ ssh_containers: [{ name: "session", jail: true }] });
    await say("report", { status: "fetching_image" });
    expect(await containerOf(id)).toMatchObject({ name: "session", jail: true, status: "pending" });
    await say("report", { status: "waiting_on_user", shell: { port: ADDRESS.port } });
    const shell = await containerOf(id);
    expect(shell).toEqual({
      name: "session",
      jail: true,
      status: "active",
      connection_info: { customer_access: ADDRESS, "cluster.local": ADDRESS },
    });
    await say("report", { status: "packaging_artifacts" });
    expect(await containerOf(id)).toEqual({ ...shell, status: "complete" });
  });

  it("is complete when the job ends in whatever way", async () => {
    const endings: ((id: string, say: (what: string, body: object) => Promise<Json>) => Promise<unknown>)[] =
      [
        (id) => service.post(`/v3/jobs/${id}/cancel`),
        (id) => service.patch(`/v3/jobs/${id}`, { status: "error" }),
        (_, say) => say("fail", { code: "user_failed", message: "m", hint: "h" }),
      ];
    for (const end of endings) {
      service = createTestService();
      const { id, say } = await customizing();
      await say("report", { status: "waiting_on_user", shell: { port: 1 } });
      await end(id, say);
      expect(await containerOf(id)).toMatchObject({ status: "complete" });
    }
  });
});

describe("the shell of a build that failed", () => {
  async function debugging() {
    const job = await launched({ ...(await jobRequest(service)), enable_debug: true });
    await job.say("report", { status: "building_image" });
    await job.log(0, "the build's last words\n");
    await job.say("report", { status: "waiting_on_user", shell: { port: ADDRESS.port }, held: HELD });
    return job;
  }

  it("is in the plan only when it was asked for", async () => {
    const asked = await launched({ ...(await jobRequest(service)), enable_debug: true });
    expect((await asked.ask("plan")).json.shell).toMatchObject({ jail: false, host: "shells.example" });
    service = createTestService();
    const other = await launched(await jobRequest(service));
    expect((await other.ask("plan")).json.shell).toBeUndefined();
  });

  it("shows with its address, and without the failure that waits for its end", async () => {
    const { id } = await debugging();
    const job = await current(id);
    expect(job).toMatchObject({
      status: "waiting_on_user",
      ssh_containers: [{ name: "debug", status: "active" }],
    });
    expect(job.error).toBeUndefined();
    for (const each of [job, ...(await service.get("/v3/jobs")).json, ...(await service.get("/jobs")).json])
      expect(Object.keys(each)).not.toContain("held_failure");
  });

  it("leaves the job with the build's failure, whatever ended the shell", async () => {
    const endings: ((job: Awaited<ReturnType<typeof debugging>>) => Promise<unknown>)[] = [
      ({ say }) => say("fail", { code: "build_failed", message: "told again", hint: "h" }),
      ({ id }) => service.post(`/v3/jobs/${id}/cancel`),
      async () => {
        service.time.now += 30_000;
        await service.ims.reconciler.tick();
      },
      async ({ id }) => {
        service.runner.inspect = async (jobId) =>
          jobId === id ? { state: "absent", cause: "oom-killed" } : { state: "running" };
        await service.ims.reconciler.tick();
      },
      ({ say }) => say("report", { status: "waiting_on_user", held: { ...HELD, code: "internal" } }),
    ];
    for (const end of endings) {
      service = createTestService();
      const job = await debugging();
      await end(job);
      if ((await current(job.id)).status !== "error") await service.post(`/v3/jobs/${job.id}/cancel`);
      const { status, error } = await current(job.id);
      expect(status).toBe("error");
      expect(error).toEqual({ ...HELD, log_tail: ["the build's last words"] });
    }
  });

  it("never ends in success", async () => {
    const { id, say } = await debugging();
    const artifacts = [{ part: "rootfs", size: 1, md5: "0".repeat(32), sha256: "0".repeat(64) }];
    await say("finish", { artifacts });
    expect((await current(id)).status).not.toBe("success");
  });
});
