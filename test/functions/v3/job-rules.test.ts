import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { parseRecord } from "../../../core/records.ts";
import { ENDPOINTS } from "../../../functions/endpoints.ts";
import { store, storeImage, storeManifest } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import { agentOf, jobRequest } from "../../support/job-requests.ts";
import { aJob } from "../../support/jobs.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const unknownId = "11111111-1111-4111-8111-111111111111";
const post = async (body: object) => await service.post("/v3/jobs", body);
const current = async (id: string) => (await service.get(`/v3/jobs/${id}`)).json;
const detail = async (body: object) => {
  const { status, json } = await post(body);
  return `${status} ${json.detail}`;
};

/** A linked image and the body that asks to customize it. */
async function customizeRequest(more: object = {}) {
  const link = await storeImage(service.ports.artifacts, "a");
  const { id } = (await service.post("/v3/images", { name: "i", link, ...more })).json;
  return { ...(await jobRequest(service)), job_type: "customize", artifact_id: id };
}

async function launched() {
  const { id } = (await post(await jobRequest(service))).json;
  await service.ims.reconciler.tick();
  return { id, ...agentOf(service, id) };
}

describe("a request for a job", () => {
  it.each(["job_type", "artifact_id", "public_key_id", "image_root_archive_name"])(
    "needs %s (behaviour 132)",
    async (field) => {
      const rest = { ...(await jobRequest(service)), [field]: undefined };
      expect((await post(rest)).json).toMatchObject({
        status: 422,
        errors: { [field]: ["Missing data for required field."] },
      });
    },
  );

  it.each([
    [{ job_type: "Create" }, { job_type: ["Job type must be one of: create, customize."] }],
    [{ job_type: null }, { job_type: ["Field may not be null."] }],
    [{ artifact_id: "x" }, { artifact_id: ["Not a valid UUID."] }],
    [
      { artifact_id: null, public_key_id: null },
      { artifact_id: ["Field may not be null."], public_key_id: ["Field may not be null."] },
    ],
    [{ public_key_id: `${unknownId}0` }, { public_key_id: ["Not a valid UUID."] }],
    [{ image_root_archive_name: "" }, { image_root_archive_name: [expect.any(String)] }],
    [{ initrd_file_name: "" }, { initrd_file_name: [expect.any(String)] }],
    [{ initrd_file_name: null }, { initrd_file_name: ["Field may not be null."] }],
    [{ kernel_parameters_file_name: "" }, { kernel_parameters_file_name: [expect.any(String)] }],
    [{ kernel_file_name: null }, { kernel_file_name: ["Field may not be null."] }],
    [{ build_env_size: 0 }, { build_env_size: [expect.stringContaining("greater than or equal to 1")] }],
    [{ job_mem_size: -5 }, { job_mem_size: [expect.stringContaining("greater than or equal to 1")] }],
    [{ ssh_containers: "x" }, { ssh_containers: ["Not a valid list."] }],
    [{ ssh_containers: [{ name: 1 }] }, { ssh_containers: { "0": { name: ["Not a valid string."] } } }],
    [{ ssh_containers: [{ status: "x" }] }, { ssh_containers: { "0": { status: ["Unknown field."] } } }],
    [
      { ssh_containers: [{ connection_info: {} }] },
      { ssh_containers: { "0": { connection_info: ["Unknown field."] } } },
    ],
    [
      { enable_debug: null, require_dkms: null },
      { enable_debug: ["Field may not be null."], require_dkms: ["Field may not be null."] },
    ],
    [
      { arch: "x86_64", remote_build_node: "x" },
      { arch: ["Unknown field."], remote_build_node: ["Unknown field."] },
    ],
  ])("with %j is refused (behaviour 133, 134, 135, 136, 137, 138, 139)", async (more, errors) => {
    const { status, json } = await post({ ...(await jobRequest(service)), ...more });
    expect([status, json.errors]).toEqual([422, errors]);
    expect((await service.get("/v3/jobs")).json).toEqual([]);
  });

  it("may leave out the members of a shell, and give an empty kernel name for none (behaviour 135, 137)", async () => {
    const request = await customizeRequest();
    const { json } = await post({ ...request, ssh_containers: [{}], kernel_file_name: "" });
    expect(json).toMatchObject({ kernel_file_name: "vmlinuz", ssh_containers: [{ jail: false }] });
    const made = await jobRequest(service);
    for (const ssh_containers of [null, []])
      expect((await post({ ...made, ssh_containers })).json.ssh_containers).toEqual(ssh_containers);
  });

  it("is checked in one order: shells, record, link, object, key (behaviour 140)", async () => {
    const request = { ...(await jobRequest(service)), public_key_id: unknownId };
    const bare = (
      await service.post("/v3/recipes", { name: "r", recipe_type: "packer", linux_distribution: "sles15" })
    ).json.id;
    const shells = [{ name: "x" }];
    expect(await detail({ ...request, artifact_id: unknownId, ssh_containers: shells })).toContain(
      "400 User defined",
    );
    expect(await detail({ ...request, artifact_id: unknownId })).toContain("400 Invalid artifact_id");
    expect(await detail({ ...request, artifact_id: bare })).toContain("does not have an artifact_link");
    await service.ports.artifacts.remove({
      bucket: "ims",
      key: `recipes/${request.artifact_id}/recipe.tar.gz`,
    });
    expect(await detail(request)).toContain("422 The s3 artifact");
    expect(
      await detail(await jobRequest(service).then((fine) => ({ ...fine, public_key_id: unknownId }))),
    ).toContain("400 Invalid public_key_id");
  });

  it("is for one shell at most (behaviour 142)", async () => {
    const request = await customizeRequest();
    expect(await detail({ ...request, ssh_containers: [{ name: "a" }, { name: "b" }] })).toBe(
      "400 Only one SSH container is currently supported.",
    );
  });

  it("is for what lives and is of the right kind (behaviour 143, 147)", async () => {
    const create = await jobRequest(service);
    const customize = await customizeRequest();
    expect(await detail({ ...create, artifact_id: customize.artifact_id })).toContain(
      `400 Invalid artifact_id value in job request. No IMS recipe record found matching id=${customize.artifact_id}`,
    );
    expect(await detail({ ...customize, artifact_id: create.artifact_id })).toContain(
      `400 Invalid artifact_id value in job request. No IMS image record found matching id=${create.artifact_id}`,
    );
    await service.remove("/v3/recipes");
    expect(await detail(create)).toContain("No IMS recipe record");
    await service.remove("/v3/public-keys");
    expect(await detail(customize)).toContain(
      `400 Invalid public_key_id value in job request. No IMS public-key record found matching id=${customize.public_key_id}`,
    );
  });

  it("is for what has a link to an object (behaviour 144, 145)", async () => {
    const customize = await customizeRequest();
    const { id } = (await service.post("/v3/images", { name: "bare" })).json;
    expect(await detail({ ...customize, artifact_id: id })).toMatch(/^400 .*does not have an artifact_link/u);
    await service.ports.artifacts.remove({ bucket: "boot-images", key: "a/manifest.json" });
    expect(await detail(customize)).toMatch(/^422 The s3 artifact/u);
  });

  const rootfs = {
    type: "application/vnd.cray.image.rootfs.squashfs",
    link: { type: "s3", path: "s3://boot-images/a/rootfs" },
  };
  it.each([
    ["not json", 400],
    ["{}", 400],
    [{ version: "2.0", artifacts: [rootfs] }, 400],
    [{ artifacts: [rootfs] }, 400],
    [{ version: "1.0" }, 400],
    [{ version: "1.0", artifacts: [] }, 400],
    [{ version: "1.0", artifacts: [rootfs, rootfs] }, 400],
    [{ version: "1.0", artifacts: [{ type: rootfs.type }] }, 400],
    [
      { version: "1.0", artifacts: [{ ...rootfs, link: { type: "s3", path: "s3://boot-images/a/gone" } }] },
      422,
    ],
  ])(
    "to customize an image whose manifest became %j is refused with %i (behaviour 146)",
    async (manifest, status) => {
      const customize = await customizeRequest();
      await storeManifest(service.ports.artifacts, "a", manifest);
      expect((await post(customize)).status).toBe(status);
      expect((await service.get("/v3/jobs")).json).toEqual([]);
    },
  );
});

describe("a job that was made", () => {
  it("has the architecture of its recipe or image (behaviour 149, 150, 157)", async () => {
    const create = await jobRequest(service, { arch: "aarch64", require_dkms: false });
    const facts = { arch: "aarch64", kernel_file_name: "Image", require_dkms: true };
    expect((await post({ ...create, require_dkms: false })).json).toMatchObject(facts);
    const customize = await customizeRequest({ arch: "aarch64" });
    expect((await post(customize)).json).toMatchObject({
      ...facts,
      status: "creating",
      resultant_image_id: null,
    });
  });

  it("has the names and addresses that clients expect (behaviour 155, 158, 159)", async () => {
    const { json } = await post(await customizeRequest());
    const { id } = json;
    expect(json).toMatchObject({
      kubernetes_job: `cray-ims-${id}-customize`,
      kubernetes_service: `cray-ims-${id}-service`,
      kubernetes_configmap: `cray-ims-${id}-configmap`,
      kubernetes_pvc: `cray-ims-${id}-job-claim`,
      kubernetes_secret: null,
      kubernetes_namespace: "ims",
      remote_build_node: "",
      ssh_containers: [
        {
          name: "customize",
          jail: false,
          status: "pending",
          connection_info: {
            customer_access: { host: `${id}.ims.cmn.shasta.local`, port: 22 },
            "cluster.local": { host: `cray-ims-${id}-service.ims.svc.cluster.local`, port: 22 },
          },
        },
      ],
    });
  });

  it("has its recipe fetched by a signed URL that expires, with its digest (behaviour 163, 164)", async () => {
    const { id, ask } = await launched();
    const { download } = (await ask("plan")).json.steps[0];
    expect((await service.get(download.url)).text).toBe("archive");
    expect(download.sha256).toBe(createHash("sha256").update("archive").digest("hex"));
    service.time.now += 7_201_000;
    expect((await service.get(download.url)).status).toBe(403);
    expect(JSON.stringify(await current(id))).not.toContain("signature");
  });

  it("is kept when it cannot be launched, and says so itself (behaviour 166)", async () => {
    service.runner.broken = true;
    const answer = await post(await jobRequest(service));
    expect(answer.status).toBe(201);
    for (let n = 0; n < 8; n += 1) {
      await service.ims.reconciler.tick();
      service.time.now += 11_000;
    }
    expect(await current(answer.json.id)).toMatchObject({
      status: "error",
      error: { code: "launch_failed" },
    });
  });

  it("is what it says, or it is damaged (behaviour 168)", () => {
    const job: unknown = { ...aJob(), job_type: "other" };
    expect(() => parseRecord("job", "id", job)).toThrow("The stored job id is damaged at job_type");
  });

  it("is the same in both generations and never in the trash (behaviour 169, 186)", async () => {
    const { id } = (await service.post("/v2/jobs", await jobRequest(service))).json;
    for (const prefix of ["", "/v2", "/v3"])
      expect((await service.get(`${prefix}/jobs/${id}`)).json).toEqual(await current(id));
    expect((await service.patch(`/jobs/${id}`, { status: "error" })).status).toBe(200);
    expect((await service.remove(`/v2/jobs/${id}`)).status).toBe(204);
    expect((await service.get(`/v3/jobs/${id}`)).status).toBe(404);
    for (const path of ["/v3/deleted/jobs", `/v3/deleted/jobs/${id}`])
      expect((await service.get(path)).status).toBe(404);
  });
});

describe("a PATCH of a job", () => {
  const statuses = [
    "creating",
    "fetching_image",
    "fetching_recipe",
    "waiting_for_repos",
    "building_image",
    "packaging_artifacts",
    "waiting_on_user",
    "error",
    "success",
  ];

  it("sets any status, also out of success, and any image id (behaviour 171, 172)", async () => {
    const { id } = await launched();
    for (const status of [...statuses.toReversed(), ...statuses])
      expect(await service.patch(`/v3/jobs/${id}`, { status })).toMatchObject({
        status: 200,
        json: { status },
      });
    const patched = await service.patch(`/v3/jobs/${id}`, { resultant_image_id: unknownId });
    expect(patched).toMatchObject({
      status: 200,
      json: { status: "success", resultant_image_id: unknownId },
    });
    expect((await service.patch(`/v3/jobs/${id}`, { resultant_image_id: null })).json.errors).toEqual({
      resultant_image_id: ["Field may not be null."],
    });
  });

  it.each([
    [{ status: "done" }, 422],
    [{ status: "Success" }, 422],
    [{ status: null }, 422],
    [{ resultant_image_id: "x" }, 422],
    [{ arch: "x86_64" }, 422],
    [{ kubernetes_job: "x" }, 422],
    [{ status: "success", other: 1 }, 422],
    [{}, 400],
  ])("by %j is refused with %i (behaviour 173)", async (body, status) => {
    const { id } = await launched();
    expect((await service.patch(`/v3/jobs/${id}`, body)).status).toBe(status);
    expect((await current(id)).status).toBe("creating");
  });

  it("to error or success ends the work, once or again (behaviour 174, 175)", async () => {
    for (const status of ["error", "success"]) {
      const { id } = await launched();
      for (let n = 0; n < 2; n += 1)
        expect(await service.patch(`/v3/jobs/${id}`, { status })).toMatchObject({
          status: 200,
          json: { status },
        });
      await service.ims.reconciler.tick();
      expect(service.runner.presence.has(id)).toBe(false);
      expect((await service.patch(`/v3/jobs/${id}`, { status })).status).toBe(200);
    }
  });
});

describe("a job that is deleted or ended while its work cannot be stopped", () => {
  it("is answered for at once, and its work is stopped as soon as it can be (behaviour 174, 176, 177)", async () => {
    const [deleted, ended] = [await launched(), await launched()];
    const stop = service.runner.stop.bind(service.runner);
    service.runner.stop = async () => {
      throw new Error("no cluster");
    };
    expect(await service.remove(`/v3/jobs/${deleted.id}`)).toMatchObject({ status: 204, text: "" });
    expect((await service.patch(`/v3/jobs/${ended.id}`, { status: "error" })).status).toBe(200);
    await service.ims.reconciler.tick();
    expect(service.runner.presence.size).toBe(2);
    expect((await service.get(`/v3/jobs/${deleted.id}`)).status).toBe(404);
    service.runner.stop = stop;
    for (let n = 0; n < 3; n += 1) {
      service.time.now += 60_000;
      await service.ims.reconciler.tick();
    }
    expect(service.runner.presence.size).toBe(0);
  });
});

describe("the deletion of jobs by filter", () => {
  const patched = async (status: string, type: "create" | "customize" = "create") => {
    const request = type === "create" ? await jobRequest(service) : await customizeRequest();
    const { id } = (await post(request)).json;
    await service.patch(`/v3/jobs/${id}`, { status });
    return id;
  };
  const left = async () => (await service.get("/v3/jobs")).json.map(({ id }: { id: string }) => id);

  it("takes them all without a filter, also none (behaviour 178)", async () => {
    await patched("success");
    await patched("building_image");
    expect(await service.remove("/v3/jobs")).toMatchObject({ status: 204, text: "" });
    expect(await left()).toEqual([]);
    expect((await service.remove("/v3/jobs")).status).toBe(204);
  });

  it("knows statuses in any case, one or several (behaviour 179)", async () => {
    const [one, , three] = [
      await patched("success"),
      await patched("error"),
      await patched("building_image"),
    ];
    expect((await service.remove("/v3/jobs?status=ERROR")).status).toBe(204);
    expect(await left()).toEqual([one, three]);
    expect((await service.remove("/v3/jobs?status=success&status=building_image")).status).toBe(204);
    expect(await left()).toEqual([]);
  });

  it.each([
    "status=done",
    "status=error,success",
    "job_type=Create",
    "job_type=",
    "age=abc",
    "age=",
    "age=5",
    "age=99999999999999w",
  ])("takes none with ?%s, and says why (behaviour 179, 180, 183)", async (query) => {
    const id = await patched("error");
    expect(await service.remove(`/v3/jobs?${query}`)).toMatchObject({
      status: 400,
      json: { status: 400, detail: expect.any(String) },
    });
    expect(await left()).toEqual([id]);
  });

  it("knows one job type, the first that is named (behaviour 180)", async () => {
    const create = await patched("success");
    await patched("success", "customize");
    await service.remove("/v3/jobs?job_type=customize&job_type=create");
    expect(await left()).toEqual([create]);
  });

  it("keeps what is younger than the age, in both generations (behaviour 181, 182, 186)", async () => {
    for (const prefix of ["", "/v3"]) {
      await patched("success");
      service.time.now += 60_000;
      const border = await patched("success");
      service.time.now += (36 * 60 + 30) * 60_000;
      const young = await patched("success");
      expect((await service.remove(`${prefix}/jobs?age=1d12h30m`)).status).toBe(204);
      expect(await left()).toEqual([border, young]);
      await service.remove("/v3/jobs");
    }
  });

  it("wants all filters to match, and goes on past a job that cannot be deleted (behaviour 184)", async () => {
    const [error, success] = [await patched("error"), await patched("success")];
    service.time.now += 3_600_000;
    const young = await patched("error");
    await service.remove("/v3/jobs?status=error&age=30m&job_type=create");
    expect(await left()).toEqual([success, young]);
    expect(await left()).not.toContain(error);
    const commit = service.ports.records.commit.bind(service.ports.records);
    service.ports.records.commit = async (changes) => {
      if (changes.some((change) => "id" in change && change.id === success)) throw new Error("broken");
      await commit(changes);
    };
    expect((await service.remove("/v3/jobs")).status).toBe(500);
    expect(await left()).toEqual([success]);
  });

  it("may answer 400, which its description says (behaviour 185)", () => {
    const operation = ENDPOINTS.find(({ method, path }) => method === "delete" && path === "/v3/jobs");
    expect(operation?.query).toBeDefined();
  });
});

describe("recipes of jobs that are stored elsewhere", () => {
  it("are told with the digest that was stored with them (behaviour 164)", async () => {
    const request = await jobRequest(service);
    const { etag, sha256 } = await store(service.ports.artifacts, "ims", "mine.tar.gz", "bytes");
    const link = { type: "s3", path: "s3://ims/mine.tar.gz", etag };
    const recipe = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15", link };
    const { id: artifact_id } = (await service.post("/v3/recipes", recipe)).json;
    const { id } = (await post({ ...request, artifact_id })).json;
    await service.ims.reconciler.tick();
    const { download } = (await agentOf(service, id).ask("plan")).json.steps[0];
    expect(download).toMatchObject({ size: 5, sha256 });
  });
});
