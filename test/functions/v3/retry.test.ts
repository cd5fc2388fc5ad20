import { beforeEach, describe, expect, it } from "vitest";
import { createTestService, type TestService } from "../../support/ims.ts";
import { agentOf, jobRequest } from "../../support/job-requests.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const retry = (id: string) => service.post(`/v3/jobs/${id}/retry`);

/** A job that was cancelled, and its record. */
async function over(more: object = {}) {
  const { id } = (await service.post("/v3/jobs", { ...(await jobRequest(service)), ...more })).json;
  return (await service.post(`/v3/jobs/${id}/cancel`)).json;
}

describe("a retry", () => {
  it("is a new job with everything the old one was asked for", async () => {
    const asked = {
      kernel_file_name: "bzImage",
      initrd_file_name: "ird",
      kernel_parameters_file_name: "args",
      enable_debug: true,
      build_env_size: 7,
      job_mem_size: 3,
      require_dkms: false,
      priority: 5,
    };
    const old = await over(asked);
    const { status, json } = await retry(old.id);
    expect(status).toBe(201);
    expect(json).toMatchObject({ ...asked, status: "creating", resultant_image_id: null });
    expect(json.id).not.toBe(old.id);
    const { id: _old, error: _error, ...before } = old;
    const { id: _new, ...after } = json;
    const text = (job: object, id: string) =>
      JSON.stringify({ ...job, created: "", status: "", progress: "" })
        .replaceAll(id, "<id>")
        // its debug shell is over with it
        .replaceAll('"status":"complete"', '"status":"pending"');
    expect(text(after, json.id)).toBe(text(before, old.id));
    expect((await service.get(`/v3/jobs/${old.id}`)).json).toEqual(old);
    await service.ims.reconciler.tick();
    expect(service.runner.launched.map(({ jobId }) => jobId)).toEqual([json.id]);
  });

  it("needs neither the recipe's record nor the key's any more", async () => {
    const old = await over();
    await service.remove(`/v3/recipes/${old.artifact_id}`);
    await service.remove(`/v3/public-keys/${old.public_key_id}`);
    const { status, json } = await retry(old.id);
    expect(status).toBe(201);
    await service.ims.reconciler.tick();
    const plan = (await agentOf(service, json.id).ask("plan")).json;
    expect((await service.get(plan.steps[0].download.url)).text).toBe("archive");
  });

  it("is refused, saying why, when the recipe's archive is gone for good", async () => {
    const old = await over();
    await service.remove(`/v3/recipes/${old.artifact_id}`);
    await service.remove(`/v3/deleted/recipes/${old.artifact_id}`);
    const { status, json } = await retry(old.id);
    expect(status).toBe(422);
    expect(json.detail).toContain(`recipes/${old.artifact_id}/recipe.tar.gz is gone`);
    expect((await service.get("/v3/jobs")).json).toHaveLength(1);
  });

  it("is refused while the job has not ended, and possible as often as one likes afterwards", async () => {
    const { id } = (await service.post("/v3/jobs", await jobRequest(service))).json;
    const { status, json } = await retry(id);
    expect([status, json.detail]).toEqual([409, "The job has not ended yet (creating); cancel it first."]);
    await service.patch(`/v3/jobs/${id}`, { status: "success" });
    expect([(await retry(id)).status, (await retry(id)).status]).toEqual([201, 201]);
    expect((await service.get("/v3/jobs")).json).toHaveLength(3);
  });

  it("needs no content type and looks at no body", async () => {
    const old = await over();
    const answer = await service.app.request(`/v3/jobs/${old.id}/retry`, { method: "POST", body: "{" });
    expect(answer.status).toBe(201);
  });
});
