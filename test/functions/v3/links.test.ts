import { beforeEach, describe, expect, it } from "vitest";
import { store, storeImage, storeManifest } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const wantedRecipe = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" };
const rootfsType = "application/vnd.cray.image.rootfs.squashfs";
const newImage = async (more: object = {}) => await service.post("/v3/images", { name: "i", ...more });
const newRecipe = async (more: object = {}) =>
  await service.post("/v3/recipes", { ...wantedRecipe, ...more });

async function storedArchive(key = "archive.tar.gz", bucket = "ims") {
  const { etag } = await store(service.ports.artifacts, bucket, key, "bytes");
  return { type: "s3", path: `s3://${bucket}/${key}`, etag };
}

describe.each([
  ["images", newImage, async () => await storeImage(service.ports.artifacts, "a")],
  ["recipes", newRecipe, async () => await storedArchive()],
] as const)("links of %s", (kind, create, prepare) => {
  const change = (id: string, link: unknown) => service.patch(`/v3/${kind}/${id}`, { link });

  it("are null until there is one, and null changes nothing then (behaviour 44, 69, 117)", async () => {
    const { json } = await create({ link: null });
    expect((await create()).json.link).toBeNull();
    expect(json.link).toBeNull();
    expect((await change(json.id, null)).json.errors).toEqual({ link: ["Field may not be null."] });
  });

  it.each([
    [{ path: "s3://b/k" }, { type: ["Missing data for required field."] }],
    [{ type: "s3" }, { path: ["Missing data for required field."] }],
    [{ path: "", type: "s3" }, { path: ["path field must not be blank"] }],
    [{ path: "s3://b/k", type: "S3" }, { type: ["Type must be one of: s3."] }],
    [{ path: "s3://b/k", type: "http" }, { type: ["Type must be one of: s3."] }],
    [{ path: "s3://b/k", type: "s3", etag: null }, { etag: ["Field may not be null."] }],
    [{ path: "s3://b/k", type: "s3", size: 1 }, { size: ["Unknown field."] }],
  ])("refuse %j by POST and PATCH alike (behaviour 45)", async (link, errors) => {
    expect((await create({ link })).json).toMatchObject({ status: 422, errors: { link: errors } });
    const { id } = (await create()).json;
    expect((await change(id, link)).json).toMatchObject({ status: 422, errors: { link: errors } });
  });

  it("are refused when there is no such object or bucket (behaviour 51, 114, 117)", async () => {
    const { id } = (await create()).json;
    for (const path of ["s3://ims/none", "s3://boot-images/none", "s3://no-such-bucket/none"]) {
      const link = { type: "s3", path };
      const answer = await create({ link });
      expect(answer).toMatchObject({
        status: 422,
        json: { detail: expect.stringContaining(`The s3 artifact ${path} cannot be validated`) },
      });
      expect(answer.json).not.toHaveProperty("errors");
      expect((await change(id, link)).status).toBe(422);
    }
    expect((await service.get(`/v3/${kind}`)).json).toHaveLength(1);
  });

  it("keep the ETag that was sent and say when the object's is another (behaviour 48, 114)", async () => {
    const link = await prepare();
    const sent = { ...link, etag: "not-the-etag" };
    const created = await create({ link: sent });
    expect(created).toMatchObject({ status: 201, json: { link: sent } });
    expect(created.headers.get("x-ims-stored-etag")).toBe(`"${link.etag}"`);
    expect(service.events).toContainEqual({
      event: "link-etag-differs",
      level: "warn",
      record: `${kind === "images" ? "image" : "recipe"} ${created.json.id}`,
      path: link.path,
      sent_etag: "not-the-etag",
      stored_etag: link.etag,
    });
    await service.remove(`/${kind}/${created.json.id}?cascade=false`);
    const { id } = (await create()).json;
    const patched = await change(id, sent);
    expect(patched).toMatchObject({ status: 200, json: { link: sent } });
    expect(patched.headers.get("x-ims-stored-etag")).toBe(`"${link.etag}"`);
  });

  it("say nothing of an ETag that is right, and take the object's when none is sent", async () => {
    const link = await prepare();
    const first = await create({ link });
    expect(first.headers.has("x-ims-stored-etag")).toBe(false);
    await service.remove(`/${kind}/${first.json.id}?cascade=false`);
    const second = await create({ link: { type: "s3", path: link.path } });
    expect(second.json.link).toEqual(link);
    expect(second.headers.has("x-ims-stored-etag")).toBe(false);
    expect(service.events.filter(({ event }) => event === "link-etag-differs")).toEqual([]);
  });

  it("may be set once, later, and to the very same again (behaviour 65, 66, 117)", async () => {
    const link = await prepare();
    const { id } = (await create()).json;
    const first = await change(id, link);
    expect(first).toMatchObject({ status: 200, json: { link } });
    expect(await change(id, link)).toMatchObject({ status: 200, json: first.json });
  });

  it("that are set refuse every other, also one with another ETag or none (behaviour 67, 117)", async () => {
    const link = await prepare();
    const { id } = (await create({ link })).json;
    for (const other of [
      { ...link, etag: "other" },
      { ...link, path: `${link.path}.other` },
      { type: "s3", path: link.path },
    ])
      expect(await change(id, other)).toMatchObject({
        status: 409,
        json: { detail: expect.stringContaining("cannot be patched due to a patch conflict") },
      });
    expect((await service.get(`/v3/${kind}/${id}`)).json.link).toEqual(link);
  });

  it("set without an ETag may be set so again, and no empty one (behaviour 68, 117)", async () => {
    const { etag, ...bare } = await prepare();
    const { id } = (await create()).json;
    await change(id, bare);
    expect(await change(id, bare)).toMatchObject({ status: 200, json: { link: { ...bare, etag } } });
    expect((await change(id, { ...bare, etag })).status).toBe(200);
    expect((await change(id, { ...bare, etag: "" })).status).toBe(409);
  });
});

describe("links of images", () => {
  it("differ by path among the live images; the ETag and the trash do not count (behaviour 50)", async () => {
    const link = await storeImage(service.ports.artifacts, "a");
    const { id } = (await newImage({ link })).json;
    const refused = await newImage({ link: { ...link, etag: "other" } });
    expect(refused).toMatchObject({ status: 422, json: { detail: expect.stringContaining(id) } });
    await service.ports.artifacts.remove({ bucket: "boot-images", key: "a/manifest.json" });
    await service.remove(`/v3/images/${id}`);
    expect((await service.get(`/v3/deleted/images/${id}`)).json.link).toEqual(link);
    await storeImage(service.ports.artifacts, "a");
    expect((await newImage({ link })).status).toBe(201);
  });
});

describe("links of recipes", () => {
  it("are to any content; nobody looks into it (behaviour 114)", async () => {
    const link = await storedArchive("no archive at all");
    expect(await newRecipe({ link })).toMatchObject({ status: 201, json: { link } });
  });

  it("share no path, and a refused recipe is not stored (behaviour 115)", async () => {
    const link = await storedArchive();
    const { id } = (await newRecipe({ link })).json;
    const refused = await newRecipe({ link });
    expect(refused).toMatchObject({
      status: 422,
      json: { detail: `The link path ${link.path} matches the link path for the IMS recipe record ${id}.` },
    });
    expect((await service.get("/v3/recipes")).json).toHaveLength(1);
  });
});

describe("buckets that are not this service's", () => {
  it("are for links as if they did not exist, also within manifests", async () => {
    const link = await storedArchive("archive", "others");
    expect((await newRecipe({ link })).status).toBe(422);
    expect((await newImage({ link })).status).toBe(422);
    const manifest = { version: "1.0", artifacts: [{ type: rootfsType, link }] };
    const refused = await newImage({ link: await storeManifest(service.ports.artifacts, "a", manifest) });
    expect(refused).toMatchObject({ status: 422, json: { detail: expect.stringContaining(link.path) } });
  });

  it("are left alone when a manifest comes to name them after the image was linked", async () => {
    const link = await storeImage(service.ports.artifacts, "a");
    const foreign = await storedArchive("secret", "others");
    for (const path of ["/v3/images", "/images"]) {
      const { id } = (await newImage({ link })).json;
      const manifest = { version: "1.0", artifacts: [{ type: rootfsType, md5: "m", link: foreign }] };
      await storeManifest(service.ports.artifacts, "a", manifest);
      expect((await service.remove(`${path}/${id}`)).status).toBe(204);
      await service.remove(`/v3/deleted/images/${id}`);
      expect(await service.ports.artifacts.stat({ bucket: "others", key: "secret" })).toBeDefined();
      await storeImage(service.ports.artifacts, "a");
    }
  });

  it("may be opened to links by configuration", async () => {
    service = createTestService({}, {}, undefined, { linkBuckets: ["others"] });
    const link = await storedArchive("archive", "others");
    expect(await newRecipe({ link })).toMatchObject({ status: 201, json: { link } });
  });

  it("get nothing of an image that is deleted: its list of objects is written beside the others' (behaviour 80)", async () => {
    service = createTestService({}, {}, undefined, { linkBuckets: ["others"] });
    const rootfs = await storedArchive("a/rootfs", "others");
    const text = JSON.stringify({
      version: "1.0",
      artifacts: [{ type: rootfsType, md5: "m", link: rootfs }],
    });
    const { etag } = await store(service.ports.artifacts, "others", "a/manifest.json", text);
    const link = { type: "s3", path: "s3://others/a/manifest.json", etag };
    const { id } = (await newImage({ link })).json;
    await service.remove(`/v3/images/${id}`);
    expect((await service.get(`/v3/deleted/images/${id}`)).json.link.path).toBe(
      `s3://boot-images/deleted/${id}/deleted_manifest.json`,
    );
    expect(await service.ports.artifacts.stat({ bucket: "others", key: "deleted/a/rootfs" })).toBeDefined();
    await service.patch(`/v3/deleted/images/${id}`, { operation: "undelete" });
    expect((await service.get(`/v3/images/${id}`)).json.link).toEqual(link);
  });
});
