import { beforeEach, describe, expect, it } from "vitest";
import { IMAGE_PARTS } from "../../../core/jobs/agent-messages.ts";
import { sentPart } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import { agentOf, jobRequest } from "../../support/job-requests.ts";
import type { Json } from "../../support/json.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const BUILDER = { name: "kiwi-ng", version: "9.24.56" };
const AGENT = { version: "1.2.3", image: "localhost/ims-agent:1.2.3@sha256:0" };
const MEMBERS = ["arch", "created", "id", "link", "metadata", "name"];

interface Given {
  readonly recipe?: object;
  readonly parts?: readonly (typeof IMAGE_PARTS)[number][];
  readonly builder?: object | undefined;
  readonly agent?: object | undefined;
}

/** An image that a job has made, a second of work for each step. */
async function madeImage({
  recipe = {},
  parts = IMAGE_PARTS,
  builder = BUILDER,
  agent: origin = AGENT,
}: Given = {}) {
  const request = await jobRequest(service, recipe);
  const { id } = (await service.post("/v3/jobs", request)).json;
  await service.ims.reconciler.tick();
  const agent = agentOf(service, id);
  service.time.now += 1000;
  await agent.say("report", { status: "fetching_recipe" });
  for (const part of parts) {
    const target = (await agent.say(`artifacts/${part}/upload`)).json;
    const headers = {
      ...target.headers,
      ...(part === "packages" ? { "content-type": "application/json" } : {}),
    };
    await service.put(target.url, `{"of": "${part}"}`, headers);
  }
  service.time.now += 1000;
  const artifacts = parts.map((part) => sentPart(part, `{"of": "${part}"}`));
  expect((await agent.say("finish", { artifacts, builder, agent: origin })).status).toBe(204);
  const image = (await service.get("/v3/images")).json.at(-1);
  return { jobId: id, recipeId: request.artifact_id, image };
}

const manifestOf = async (image: Json) =>
  (await service.get(`/v3/images/${image.id}/artifacts/manifest`)).json;

describe("where an image comes from", () => {
  it("is told by its record and its manifest alike", async () => {
    const template_dictionary = [
      { key: "HOSTNAME", value: "first" },
      { key: "HOSTNAME", value: "node" },
      { key: "ROOT_PASSWORD", value: "s3cret" },
    ];
    const { image, jobId, recipeId } = await madeImage({ recipe: { template_dictionary } });
    const archive = sentPart("rootfs", "archive");
    expect(image.provenance).toEqual({
      job_id: jobId,
      job_type: "create",
      recipe: { id: recipeId, recipe_type: "kiwi-ng", md5: archive.md5, sha256: archive.sha256 },
      template_values: { HOSTNAME: "node", ROOT_PASSWORD: "***" },
      arch: "x86_64",
      require_dkms: true,
      kernel_file_name: "vmlinuz",
      builder: BUILDER,
      agent: AGENT,
      service_version: "1.2.3",
      started: "2026-06-15T12:00:01.000Z",
      finished: "2026-06-15T12:00:02.000Z",
    });
    const manifest = await manifestOf(image);
    expect(manifest).toMatchObject({ version: "1.0", provenance: image.provenance });
    expect((await service.get(`/v3/images/${image.id}`)).json).toEqual(image);
  });

  it("is known without the recipe, which may be gone by then, and without a builder", async () => {
    const request = await jobRequest(service);
    const { id } = (await service.post("/v3/jobs", request)).json;
    await service.ims.reconciler.tick();
    await service.remove(`/v3/recipes/${request.artifact_id}`);
    const agent = agentOf(service, id);
    const parts = ["rootfs", "kernel", "initrd"] as const;
    for (const part of parts) {
      const target = (await agent.say(`artifacts/${part}/upload`)).json;
      await service.put(target.url, part, target.headers);
    }
    await agent.say("finish", { artifacts: parts.map((part) => sentPart(part, part)) });
    const [image] = (await service.get("/v3/images")).json;
    expect(image.provenance).toMatchObject({ recipe: { id: request.artifact_id, md5: expect.any(String) } });
    expect(image.provenance).not.toHaveProperty("builder");
  });

  it("is the base image, as it was when the job was posted, for a customized one", async () => {
    const { image: base } = await madeImage({ parts: ["rootfs", "kernel", "initrd"] });
    const { id: public_key_id } = (
      await service.post("/v3/public-keys", { name: "k", public_key: "ssh-ed25519 A" })
    ).json;
    const wanted = { job_type: "customize", artifact_id: base.id, public_key_id };
    const { id } = (await service.post("/v3/jobs", { ...wanted, image_root_archive_name: "changed" })).json;
    await service.ims.reconciler.tick();
    await service.remove(`/v3/images/${base.id}`);
    const agent = agentOf(service, id);
    for (const part of IMAGE_PARTS) {
      const target = (await agent.say(`artifacts/${part}/upload`)).json;
      await service.put(target.url, part, target.headers);
    }
    expect(
      (await agent.say("finish", { artifacts: IMAGE_PARTS.map((part) => sentPart(part, part)) })).status,
    ).toBe(204);
    const [changed] = (await service.get("/v3/images")).json;
    expect(changed.provenance).toMatchObject({
      job_id: id,
      job_type: "customize",
      base_image: {
        id: base.id,
        manifest_etag: base.link.etag,
        rootfs_md5: sentPart("rootfs", '{"of": "rootfs"}').md5,
      },
    });
    expect(changed.provenance).not.toHaveProperty("recipe");
    expect(await manifestOf(changed)).toMatchObject({ provenance: changed.provenance });
    expect((await service.get(`/v3/images/${changed.id}/artifacts/packages`)).status).toBe(200);
  });

  it("is not told of an image that no job has made", async () => {
    const { json } = await service.post("/v3/images", { name: "mine" });
    expect(Object.keys(json).toSorted()).toEqual(MEMBERS);
  });

  it("stays with the record through changes, the trash and back", async () => {
    const { image } = await madeImage();
    const patch = { metadata: { operation: "set", key: "k", value: "v" } };
    expect((await service.patch(`/v3/images/${image.id}`, patch)).json.provenance).toEqual(image.provenance);
    await service.remove(`/v3/images/${image.id}`);
    const deleted = (await service.get(`/v3/deleted/images/${image.id}`)).json;
    expect(deleted.provenance).toEqual(image.provenance);
    await service.patch(`/v3/deleted/images/${image.id}`, { operation: "undelete" });
    expect((await service.get(`/v3/images/${image.id}`)).json).toEqual({ ...image, metadata: { k: "v" } });
  });

  it("is not shown by the second generation, whose records have the members that they always had", async () => {
    const { image } = await madeImage();
    for (const prefix of ["", "/v2"]) {
      const patched = await service.patch(`${prefix}/images/${image.id}`, { arch: "x86_64" });
      const one = await service.get(`${prefix}/images/${image.id}`);
      const all = await service.get(`${prefix}/images`);
      for (const record of [patched.json, one.json, all.json[0]])
        expect(Object.keys(record).toSorted()).toEqual(MEMBERS);
    }
    expect((await service.get(`/v3/images/${image.id}`)).json).toHaveProperty("provenance");
  });

  it("fits the manifest's limit, whatever the template dictionary holds", async () => {
    const entries = (count: number, size: number) =>
      Array.from({ length: count }, (_, n) => ({ key: `KEY_${n}`, value: "ä".repeat(size) }));
    const { image } = await madeImage({ recipe: { template_dictionary: entries(400, 1000) } });
    const { provenance } = image;
    const kept = Object.keys(provenance.template_values).length;
    expect(kept + provenance.template_values_omitted).toBe(400);
    expect(kept).toBeGreaterThan(10);
    const { text } = await service.get(`/v3/images/${image.id}/artifacts/manifest`);
    expect(text.length).toBeLessThan(40_000);
  });
});

describe("the list of an image's packages", () => {
  const bucket = "boot-images";
  const keys = async () =>
    (await Array.fromAsync(service.ports.artifacts.list(bucket, ""))).map(({ key }) => key);

  it("lies beside the image, in its manifest under a type of its own", async () => {
    const { image } = await madeImage();
    const { artifacts } = await manifestOf(image);
    const entry = artifacts.find(({ type }: Json) => type === "application/vnd.ims.image.packages+json");
    expect(entry).toMatchObject({
      md5: expect.any(String),
      link: { path: `s3://${bucket}/${image.id}/packages.json` },
    });
    const list = (await service.get(`/v3/images/${image.id}/artifacts`)).json;
    expect(list.map(({ name }: Json) => name)).toEqual([...IMAGE_PARTS, "manifest"]);
    const got = await service.get(`/v3/images/${image.id}/artifacts/packages`);
    expect(got.headers.get("content-type")).toBe("application/json");
    expect(got.json).toEqual({ of: "packages" });
  });

  it("is not missed in an image without one", async () => {
    const { image } = await madeImage({ parts: ["rootfs", "kernel", "initrd"] });
    expect((await service.get(`/v3/images/${image.id}/artifacts/packages`)).status).toBe(404);
  });

  it("moves with the image to the trash and back, and goes with it", async () => {
    const { image } = await madeImage();
    await service.remove(`/v3/images/${image.id}`);
    expect(await keys()).toContain(`deleted/${image.id}/packages.json`);
    expect(await keys()).not.toContain(`${image.id}/packages.json`);
    await service.patch(`/v3/deleted/images/${image.id}`, { operation: "undelete" });
    expect(await keys()).toContain(`${image.id}/packages.json`);
    await service.remove(`/v3/images/${image.id}`);
    await service.remove(`/v3/deleted/images/${image.id}`);
    expect(await keys()).toEqual([]);
  });

  it("is made by jobs alone", async () => {
    const { id } = (await service.post("/v3/images", { name: "mine" })).json;
    expect((await service.put(`/v3/images/${id}/artifacts/packages`, "{}")).status).toBe(404);
  });
});

describe("a recipe's archive that was replaced in the store after the job was posted", () => {
  it("is not taken for the one that the image will say it was made of", async () => {
    const request = await jobRequest(service);
    const { id } = (await service.post("/v3/jobs", request)).json;
    const key = `recipes/${request.artifact_id}/recipe.tar.gz`;
    await service.ports.artifacts.write(
      { bucket: "ims", key },
      (async function* () {
        yield new TextEncoder().encode("another");
      })(),
    );
    await service.ims.reconciler.tick();
    const { steps } = (await agentOf(service, id).ask("plan")).json;
    expect(steps[0].download).toMatchObject({ sha256: sentPart("rootfs", "archive").sha256 });
  });
});
