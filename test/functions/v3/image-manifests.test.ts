import { beforeEach, describe, expect, it } from "vitest";
import { MAX_MANIFEST_BYTES, ROOTFS_TYPE } from "../../../core/artifacts/manifest.ts";
import { storeImage, storeManifest } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";

let service: TestService;
beforeEach(async () => {
  service = createTestService();
  await storeImage(service.ports.artifacts, "a");
});

const at = (path: string, more: object = {}) => ({ type: "s3", path: `s3://boot-images/a/${path}`, ...more });
const rootfs = { type: ROOTFS_TYPE, link: at("rootfs") };
const kernel = { type: "application/vnd.cray.image.kernel", link: at("kernel") };
const version = "1.0";
const snapshot = async () =>
  (await Array.fromAsync(service.ports.artifacts.list("boot-images", ""))).map(
    ({ key, etag }) => `${key} ${etag}`,
  );

/** Asks for the link by POST and by PATCH; both must answer the same, and store nothing when they refuse. */
async function linkTo(manifest: unknown) {
  const link = await storeManifest(service.ports.artifacts, "a", manifest);
  const before = await snapshot();
  const { id } = (await service.post("/v3/images", { name: "later" })).json;
  const patched = await service.patch(`/v3/images/${id}`, { link });
  const { link: now } = (await service.get(`/v3/images/${id}`)).json;
  expect(now).toEqual(patched.status === 200 ? link : null);
  await service.remove(`/images/${id}?cascade=false`);
  const posted = await service.post("/v3/images", { name: "at once", link });
  expect((await service.get("/v3/images")).json).toHaveLength(posted.status === 201 ? 1 : 0);
  expect(await snapshot()).toEqual(before);
  expect(posted.json.detail).toBe(patched.json.detail);
  expect(patched.status === 200 ? 201 : patched.status).toBe(posted.status);
  return posted;
}

describe("the manifest that an image is to be linked to", () => {
  it("may be smaller than 1 MiB and no larger (behaviour 52)", async () => {
    const text = JSON.stringify({ version, artifacts: [rootfs] });
    const filled = (size: number) => text + " ".repeat(size - text.length);
    expect((await linkTo(filled(MAX_MANIFEST_BYTES - 1))).status).toBe(201);
    await service.remove("/images?cascade=false");
    expect(await linkTo(filled(MAX_MANIFEST_BYTES))).toMatchObject({
      status: 400,
      json: {
        detail: expect.stringContaining("Image manifest file is larger than the expected maximum size"),
      },
    });
  });

  it.each(["not json", "", "{"])("is JSON, unlike %j (behaviour 53)", async (text) => {
    expect((await linkTo(text)).status).toBe(422);
  });

  it("is UTF-8 (behaviour 53)", async () => {
    await service.ports.artifacts.write(
      { bucket: "boot-images", key: "a/manifest.json" },
      (async function* () {
        yield new Uint8Array([0x22, 0xff, 0x22]);
      })(),
    );
    const link = { type: "s3", path: "s3://boot-images/a/manifest.json" };
    expect((await service.post("/v3/images", { name: "i", link })).status).toBe(422);
  });

  it.each(["{}", "[]", '""', "0", "null", "false"])(
    "may be the empty value %s, and is not looked at further (behaviour 54)",
    async (text) => {
      expect((await linkTo(text)).status).toBe(201);
    },
  );

  it.each(["[1]", '"text"', "7", "true"])("is an object, unlike %s (behaviour 55)", async (text) => {
    expect((await linkTo(text)).status).toBe(422);
  });

  it.each([
    [{ artifacts: [rootfs] }, "does not contain a version field"],
    [{ version: "2.0", artifacts: [rootfs] }, "version that is not supported"],
    [{ version: 1, artifacts: [rootfs] }, "version that is not supported"],
    [{ version: null, artifacts: [rootfs] }, "version that is not supported"],
  ])("has the version 1.0, unlike %j (behaviour 56)", async (manifest, detail) => {
    expect(await linkTo(manifest)).toMatchObject({
      status: 422,
      json: { detail: expect.stringContaining(detail) },
    });
  });

  it.each([[{ version }], [{ version, artifacts: {} }], [{ version, artifacts: null }]])(
    "lists its artifacts, unlike %j (behaviour 57)",
    async (manifest) => {
      expect(await linkTo(manifest)).toMatchObject({
        status: 422,
        json: { detail: expect.stringContaining("It does not contain an artifacts map.") },
      });
    },
  );

  it.each([["text"], [7], [null], [["list"]]])("lists objects, unlike %j (behaviour 57)", async (entry) => {
    expect((await linkTo({ version, artifacts: [rootfs, entry] })).status).toBe(422);
  });

  it.each([
    [undefined],
    [null],
    [{ path: "s3://boot-images/a/kernel" }],
    [at("kernel", { type: "http" })],
    [{ type: "s3" }],
    ["s3://boot-images/a/kernel"],
  ])("links each artifact, unlike %j (behaviour 58)", async (link) => {
    expect((await linkTo({ version, artifacts: [rootfs, { ...kernel, link }] })).status).toBe(422);
  });

  it("names objects that are all there (behaviour 59)", async () => {
    const gone = { ...kernel, link: at("gone") };
    expect(await linkTo({ version, artifacts: [rootfs, gone] })).toMatchObject({
      status: 422,
      json: { detail: expect.stringContaining("s3://boot-images/a/gone") },
    });
  });

  it("says of each artifact what it is, which is asked after its object (behaviour 60)", async () => {
    const untyped = { link: at("kernel") };
    expect(await linkTo({ version, artifacts: [untyped, rootfs] })).toMatchObject({
      status: 422,
      json: { detail: expect.stringContaining("An artifact does not have a type field") },
    });
    const gone = { ...kernel, link: at("gone") };
    expect((await linkTo({ version, artifacts: [untyped, gone] })).json.detail).toContain("a/gone");
  });

  it.each([
    [[], "does not include any rootfs artifacts"],
    [[kernel], "does not include any rootfs artifacts"],
    [[rootfs, kernel, rootfs], "includes multiple rootfs artifacts"],
    [[rootfs, { ...rootfs, type: `${ROOTFS_TYPE}.other` }], "includes multiple rootfs artifacts"],
  ])("has one root file system, unlike %j (behaviour 61)", async (artifacts, detail) => {
    expect(await linkTo({ version, artifacts })).toMatchObject({
      status: 400,
      json: { detail: expect.stringContaining(detail) },
    });
  });

  it("needs no md5, and nothing is moved or copied for it (behaviour 62, 63)", async () => {
    const before = await snapshot();
    const answer = await linkTo({ version, artifacts: [rootfs, kernel] });
    expect(answer.status).toBe(201);
    const manifest = before.findIndex((line) => line.startsWith("a/manifest.json"));
    expect((await snapshot()).toSpliced(manifest, 1)).toEqual(before.toSpliced(manifest, 1));
  });
});

describe("an image that is refused", () => {
  it.each([
    [{}, { name: ["Missing data for required field."] }],
    [{ name: "" }, { name: ["name field must not be blank"] }],
    [{ name: null }, { name: ["Field may not be null."] }],
    [{ name: 1 }, { name: ["Not a valid string."] }],
  ])("for its name in %j is not stored (behaviour 42, 49)", async (named, errors) => {
    const { status, json } = await service.post("/v3/images", { arch: "x86_64", ...named });
    expect([status, json.errors]).toEqual([422, errors]);
    expect((await service.get("/v3/images")).json).toEqual([]);
  });

  it.each(["X86_64", "arm64", "", 1])(
    "for the architecture %j is not stored (behaviour 43, 49)",
    async (arch) => {
      const { status, json } = await service.post("/v3/images", { name: "i", arch });
      expect([status, json.errors]).toEqual([422, { arch: ["Must be one of: aarch64, x86_64."] }]);
      expect((await service.post("/v3/images", { name: "i", arch: null })).status).toBe(422);
      expect((await service.get("/v3/images")).json).toEqual([]);
    },
  );

  it("has no metadata, link or architecture of its own choice left out (behaviour 41, 43)", async () => {
    expect((await service.post("/v3/images", { name: "i", arch: "aarch64" })).json).toEqual({
      id: expect.any(String),
      created: expect.any(String),
      name: "i",
      link: null,
      arch: "aarch64",
      metadata: {},
    });
  });
});

describe("a PATCH of an image", () => {
  const create = async () => (await service.post("/v3/images", { name: "i" })).json;

  it("answers the record as it is then (behaviour 64)", async () => {
    const image = await create();
    const answer = await service.patch(`/v3/images/${image.id}`, { arch: "aarch64" });
    expect(answer).toMatchObject({ status: 200, json: { ...image, arch: "aarch64" } });
    expect((await service.get(`/v3/images/${image.id}`)).json).toEqual(answer.json);
  });

  it.each(["name", "id", "created", "deleted", "other"])("cannot change %s (behaviour 69)", async (field) => {
    const image = await create();
    const answer = await service.patch(`/v3/images/${image.id}`, { [field]: "x" });
    expect(answer.json).toMatchObject({ status: 422, errors: { [field]: ["Unknown field."] } });
    expect((await service.get(`/v3/images/${image.id}`)).json).toEqual(image);
  });

  it("changes several members at once, or none (behaviour 73, 75)", async () => {
    const image = await create();
    const link = await storeImage(service.ports.artifacts, "b");
    const metadata = { operation: "set", key: "k", value: "v" };
    const path = `/v3/images/${image.id}`;
    for (const [refused, status] of [
      [{ arch: "aarch64", metadata, link: at("none") }, 422],
      [{ arch: "aarch64", metadata, link, name: "x" }, 422],
      [{ metadata, link, arch: "vax" }, 422],
    ] as const) {
      expect((await service.patch(path, refused)).status).toBe(status);
      expect((await service.get(path)).json).toEqual(image);
    }
    const changed = { ...image, arch: "aarch64", link, metadata: { k: "v" } };
    expect((await service.patch(path, { arch: "aarch64", metadata, link })).json).toEqual(changed);
    expect((await service.patch(path, { arch: "x86_64", link: { ...link, etag: "x" } })).status).toBe(409);
    expect((await service.get(path)).json).toEqual(changed);
  });
});

describe("an image that goes to the trash", () => {
  const undelete = { operation: "undelete" };
  const keys = async () => (await snapshot()).map((line) => line.slice(0, line.indexOf(" ")));

  async function linked(manifest: unknown) {
    const link = await storeManifest(service.ports.artifacts, "a", manifest);
    return (await service.post("/v3/images", { name: "i", arch: "aarch64", link, metadata: { k: "v" } }))
      .json;
  }

  it("keeps every member it had (behaviour 76, 89)", async () => {
    const image = await linked({ version, artifacts: [rootfs] });
    await service.remove(`/v3/images/${image.id}`);
    const trashed = (await service.get(`/v3/deleted/images/${image.id}`)).json;
    expect(trashed).toEqual({ ...image, link: expect.any(Object), deleted: "2026-06-15T12:00:00.000Z" });
    expect((await service.get("/v3/deleted/images")).json).toEqual([trashed]);
    const bare = (await service.post("/v3/images", { name: "bare" })).json;
    expect((await service.remove(`/v3/images/${bare.id}`)).status).toBe(204);
    expect((await service.get(`/v3/deleted/images/${bare.id}`)).json).toEqual({
      ...bare,
      deleted: "2026-06-15T12:00:00.000Z",
    });
    expect((await service.get("/v3/deleted/images/none")).status).toBe(404);
  });

  it("moves what its manifest names and nothing else, leaving nothing behind (behaviour 77, 88)", async () => {
    const { artifacts } = service.ports;
    const body = (async function* () {
      yield new TextEncoder().encode("rootfs");
    })();
    await artifacts.write({ bucket: "boot-images", key: "a/rootfs" }, body, { metadata: { md5sum: "m" } });
    const image = await linked({ version, artifacts: [rootfs] });
    const before = await artifacts.stat({ bucket: "boot-images", key: "a/rootfs" });
    await service.remove(`/v3/images/${image.id}`);
    const moved = await artifacts.stat({ bucket: "boot-images", key: "deleted/a/rootfs" });
    expect(moved).toEqual({ ...before, key: "deleted/a/rootfs" });
    expect((await keys()).toSorted()).toEqual(
      [
        "a/boot_parameters",
        "a/initrd",
        "a/kernel",
        "deleted/a/manifest.json",
        "deleted/a/rootfs",
        `deleted/${image.id}/deleted_manifest.json`,
      ].toSorted(),
    );
  });

  it("takes its manifest along when that is an empty object (behaviour 84)", async () => {
    const image = await linked("{}");
    await service.remove(`/v3/images/${image.id}`);
    expect(await keys()).toContain("deleted/a/manifest.json");
    await service.patch(`/v3/deleted/images/${image.id}`, undelete);
    expect((await service.get(`/v3/images/${image.id}`)).json).toEqual(image);
    expect((await keys()).filter((key) => key?.startsWith("deleted/"))).toEqual([]);
  });

  it.each(["[]", '"text"', "null", "[1]", "7", " ".repeat(MAX_MANIFEST_BYTES + 1), "no json"])(
    "leaves its objects where they are when its manifest became useless, and is not stuck (behaviour 84, 85)",
    async (text) => {
      const image = await linked({ version, artifacts: [rootfs] });
      const other = (await service.post("/v3/images", { name: "other" })).json;
      await storeManifest(service.ports.artifacts, "a", text);
      const before = await keys();
      expect((await service.remove("/v3/images")).status).toBe(204);
      expect((await service.get(`/v3/deleted/images/${image.id}`)).json.link).toEqual(image.link);
      expect(await keys()).toEqual(before);
      expect((await service.patch("/v3/deleted/images", undelete)).status).toBe(204);
      expect((await service.get(`/v3/images/${image.id}`)).json).toEqual(image);
      await service.remove(`/v3/images/${image.id}`);
      expect((await service.remove(`/v3/deleted/images/${image.id}`)).status).toBe(204);
      expect(await keys()).toEqual(before);
      expect((await service.get("/v3/images")).json).toEqual([other]);
    },
  );

  it("does not mind ?cascade, which is for the second generation (behaviour 86)", async () => {
    const image = await linked({ version, artifacts: [rootfs] });
    expect((await service.remove(`/v3/images/${image.id}?cascade=false`)).status).toBe(204);
    expect(await keys()).toContain("deleted/a/rootfs");
  });

  it("goes with all others at once (behaviour 87)", async () => {
    await linked({ version, artifacts: [rootfs] });
    const link = await storeImage(service.ports.artifacts, "b");
    await service.post("/v3/images", { name: "b", link });
    await service.post("/v3/images", { name: "bare" });
    expect(await service.remove("/v3/images")).toMatchObject({ status: 204, text: "" });
    expect((await service.get("/v3/images")).json).toEqual([]);
    expect((await service.get("/v3/deleted/images")).json).toHaveLength(3);
    expect(await keys()).toEqual(expect.arrayContaining(["deleted/a/rootfs", "deleted/b/rootfs"]));
    expect((await service.remove("/v3/images")).status).toBe(204);
  });

  it.each([
    [{}, 400],
    [{ operation: null }, 422],
    [{ operation: "restore" }, 422],
    [{ operation: "undelete", more: 1 }, 422],
    [{ other: 1 }, 422],
  ])("does not come back by %j (behaviour 102)", async (body, status) => {
    const image = await linked({ version, artifacts: [rootfs] });
    await service.remove(`/v3/images/${image.id}`);
    expect((await service.patch(`/v3/deleted/images/${image.id}`, body)).status).toBe(status);
    expect((await service.patch("/v3/deleted/images", body)).status).toBe(status);
    expect((await service.get("/v3/deleted/images")).json).toHaveLength(1);
  });

  it("comes back without the objects that somebody removed meanwhile (behaviour 94)", async () => {
    const image = await linked({ version, artifacts: [rootfs, kernel] });
    await service.remove(`/v3/images/${image.id}`);
    await service.ports.artifacts.remove({ bucket: "boot-images", key: "deleted/a/kernel" });
    expect((await service.patch(`/v3/deleted/images/${image.id}`, undelete)).status).toBe(204);
    expect((await service.get(`/v3/images/${image.id}`)).json).toEqual(image);
  });

  it("comes back with the ETag that its manifest has, whatever was sent at first (behaviour 91)", async () => {
    const { etag, ...bare } = await storeManifest(service.ports.artifacts, "a", {
      version,
      artifacts: [rootfs],
    });
    const image = (await service.post("/v3/images", { name: "i", link: { ...bare, etag: "wrong" } })).json;
    await service.remove(`/v3/images/${image.id}`);
    await service.patch(`/v3/deleted/images/${image.id}`, undelete);
    expect((await service.get(`/v3/images/${image.id}`)).json.link).toEqual({ ...bare, etag });
  });
});
