import { beforeEach, describe, expect, it } from "vitest";
import { linkedImage, PUBLIC_KEY } from "../../support/client-facts.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import type { Json } from "../../support/json.ts";

let service: TestService;
let image: Json;
beforeEach(async () => {
  service = createTestService();
  image = await linkedImage(service, { name: "base" }, "");
});

const session = "batcher-1234";

/** All requests are to unversioned paths, as CFS sends them. */
async function startSession(more: object = {}) {
  expect((await service.get("/images")).status).toBe(200);
  const { name } = (await service.get(`/images/${image.id}`)).json;
  const key = await service.post("/public-keys", { name: `cfs_${session}`, public_key: PUBLIC_KEY });
  const job = await service.post("/jobs", {
    job_type: "customize",
    image_root_archive_name: `${name}_cfs_${session}`,
    artifact_id: image.id,
    public_key_id: key.json.id,
    ssh_containers: [{ name: session, jail: true }],
    ...more,
  });
  expect(job.status).toBe(201);
  return { job: job.json, key: key.json };
}

describe("the CFS operator", () => {
  it("opens a jailed shell, waits for it and finds its address", async () => {
    const { job } = await startSession({ require_dkms: false });
    expect(job).toMatchObject({
      status: "creating",
      require_dkms: false,
      image_root_archive_name: `base_cfs_${session}`,
    });
    await service.patch(`/jobs/${job.id}`, { status: "fetching_image" });
    await service.patch(`/jobs/${job.id}`, { status: "waiting_on_user" });
    const polled = (await service.get(`/jobs/${job.id}`)).json;
    expect(polled.status).toBe("waiting_on_user");
    const [shell] = polled.ssh_containers;
    expect(shell).toMatchObject({ name: session, jail: true });
    expect(shell.connection_info["cluster.local"]).toEqual({
      host: expect.any(String),
      port: expect.any(Number),
    });
  });

  it("deletes its key as soon as it is in; the job has kept the text", async () => {
    const { job, key } = await startSession();
    expect((await service.remove(`/public-keys/${key.id}`)).status).toBe(204);
    expect((await service.get("/v3/deleted/public-keys")).json).toEqual([]);
    expect((await service.ports.records.get("job", job.id))?.value.public_key).toBe(PUBLIC_KEY);
  });

  it("waits in the end for the new image's id or for an error", async () => {
    const { job } = await startSession();
    const result = await linkedImage(service, { name: job.image_root_archive_name }, "");
    await service.patch(`/jobs/${job.id}`, { status: "packaging_artifacts" });
    expect((await service.get(`/jobs/${job.id}`)).json.resultant_image_id).toBeNull();
    await service.patch(`/jobs/${job.id}`, { resultant_image_id: result.id });
    await service.patch(`/jobs/${job.id}`, { status: "success" });
    const done = (await service.get(`/jobs/${job.id}`)).json;
    expect(done).toMatchObject({ status: "success", resultant_image_id: result.id });
    const failed = await startSession();
    await service.patch(`/jobs/${failed.job.id}`, { status: "error" });
    expect((await service.get(`/jobs/${failed.job.id}`)).json.status).toBe("error");
  });

  it("clears away jobs of sessions that are over", async () => {
    const { job } = await startSession();
    await startSession();
    const jobs = (await service.get("/jobs")).json;
    expect(jobs).toHaveLength(2);
    for (const { id, status } of jobs) {
      expect(["success", "error"]).not.toContain(status);
      expect((await service.remove(`/jobs/${id}`)).status).toBe(204);
    }
    expect((await service.get(`/jobs/${job.id}`)).status).toBe(404);
    expect((await service.remove(`/jobs/${job.id}`)).status).toBe(404);
  });
});
