import { beforeEach, describe, expect, it } from "vitest";
import { linkedImage, linkedRecipe, PUBLIC_KEY, readObject } from "../../support/client-facts.ts";
import { storeManifest } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import type { Json } from "../../support/json.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

describe("sat bootprep", () => {
  it("finds its key by the exact text, or makes it (behaviour 204)", async () => {
    expect((await service.get("/v3/public-keys")).json).toEqual([]);
    const made = await service.post("/v3/public-keys", { name: "sat", public_key: PUBLIC_KEY });
    expect(made.status).toBe(201);
    const listed = (await service.get("/v3/public-keys")).json;
    const found = listed.find((key: Json) => key.public_key === PUBLIC_KEY);
    expect(found.id).toBe(made.json.id);
    expect((await service.get(`/v3/public-keys/${found.id}`)).json.public_key).toBe(PUBLIC_KEY);
    expect((await service.get("/v3/public-keys/gone")).status).toBe(404);
  });

  it("builds an image with four members and waits for its end", async () => {
    const recipe = await linkedRecipe(service);
    const named = (await service.get("/v3/recipes")).json.filter(({ name }: Json) => name === "cos");
    expect(named).toMatchObject([{ id: recipe.id, arch: "x86_64" }]);
    const key = (await service.post("/v3/public-keys", { name: "sat", public_key: PUBLIC_KEY })).json;
    const posted = await service.post("/v3/jobs", {
      job_type: "create",
      artifact_id: recipe.id,
      public_key_id: key.id,
      image_root_archive_name: "bootprep",
    });
    expect(posted.status).toBe(201);
    const path = `/v3/jobs/${posted.json.id}`;
    expect((await service.get(path)).json).toMatchObject({ status: "creating", resultant_image_id: null });
    const image = await linkedImage(service, { name: "bootprep" });
    await service.patch(`/jobs/${posted.json.id}`, { resultant_image_id: image.id });
    await service.patch(`/jobs/${posted.json.id}`, { status: "success" });
    const done = (await service.get(path)).json;
    expect(done.status).toBe("success");
    const result = (await service.get(`/v3/images/${done.resultant_image_id}`)).json;
    expect(result).toMatchObject({ id: image.id, name: "bootprep", arch: "x86_64" });
    expect(result.link).toEqual({ type: "s3", path: expect.any(String), etag: expect.any(String) });
    expect((await service.remove(path)).status).toBe(204);
    expect((await service.get(path)).status).toBe(404);
  });

  it("renames an image by copying it under a new record and deleting the old one for good", async () => {
    const old = await linkedImage(service, { name: "before", arch: "aarch64" });
    const copy = await service.post("/v3/images", { name: "after", arch: old.arch });
    expect(copy).toMatchObject({ status: 201, json: { link: null } });
    const { version, artifacts } = await readObject(service, old.link.path);
    expect(version).toBe("1.0");
    const copied = [];
    for (const { type, md5, link } of artifacts) {
      const name = link.path.split("/").at(-1);
      const content = await service.ports.artifacts.read({ bucket: "boot-images", key: `${old.id}/${name}` });
      expect(content).toBeDefined();
      const to = { bucket: "boot-images", key: `${copy.json.id}/${name}` };
      const { etag } = await service.ports.artifacts.write(to, content?.body ?? (async function* () {})());
      copied.push({ type, md5, link: { type: "s3", path: `s3://boot-images/${to.key}`, etag } });
    }
    const link = await storeManifest(service.ports.artifacts, copy.json.id, { version, artifacts: copied });
    const patched = await service.patch(`/v3/images/${copy.json.id}`, { link });
    expect(patched).toMatchObject({ status: 200, json: { link } });
    expect((await service.remove(`/v3/images/${old.id}`)).status).toBe(204);
    expect((await service.remove(`/v3/deleted/images/${old.id}`)).status).toBe(204);
    const left = await Array.fromAsync(service.ports.artifacts.list("boot-images", ""));
    expect(left.map(({ key }) => key.split("/")[0])).toEqual(Array.from({ length: 5 }, () => copy.json.id));
  });

  it("makes the image that overwrites another under the same name before it deletes that", async () => {
    const first = await linkedImage(service, { name: "same" });
    const second = await linkedImage(service, { name: "same" });
    await service.remove(`/v3/images/${first.id}`);
    expect((await service.get("/v3/images")).json).toMatchObject([{ id: second.id, name: "same" }]);
  });
});
