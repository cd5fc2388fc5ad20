import { beforeEach, describe, expect, it } from "vitest";
import { storeImage, storeManifest } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const create = async (more: object = {}) => await service.post("/v3/images", { name: "i", ...more });
const keys = async () =>
  (await Array.fromAsync(service.ports.artifacts.list("boot-images", ""))).map((info) => info.key);

describe("images", () => {
  it("have every default of the original (behaviour 41, 44)", async () => {
    expect(await create()).toMatchObject({ status: 201 });
    expect((await create({ link: null })).json).toEqual({
      id: expect.any(String),
      created: "2026-06-15T12:00:00.000Z",
      name: "i",
      link: null,
      arch: "x86_64",
      metadata: {},
    });
  });

  it.each([
    [{ arch: "X86_64" }, { arch: ["Must be one of: aarch64, x86_64."] }],
    [{ link: { path: "s3://b/k" } }, { link: { type: expect.anything() } }],
    [{ link: { path: "s3://b/k", type: "s3", etag: null } }, { link: { etag: ["Field may not be null."] } }],
    [{ link: { path: "s3://b/k", type: "s3", size: 1 } }, { link: { size: ["Unknown field."] } }],
    [{ metadata: null }, { metadata: expect.anything() }],
    [{ metadata: ["a"] }, { metadata: ["Not a valid mapping type."] }],
    [{ metadata: { a: 1 } }, { metadata: expect.anything() }],
  ])("refuse %j (behaviour 43, 45, 46)", async (more, errors) => {
    const { status, json } = await create(more);
    expect(status).toBe(422);
    expect(json.errors).toEqual(errors);
  });

  it.each([
    [{ key: "k", value: "v" }, { k: "v" }],
    [{ key: "k" }, { k: "" }],
    [{ key: "k", value: "v", more: "x" }, { k: "v" }],
    [
      { a: "1", b: "2" },
      { a: "1", b: "2" },
    ],
    [{}, {}],
  ])("take the metadata %j for %j (behaviour 46, 47)", async (metadata, expected) => {
    expect((await create({ metadata })).json.metadata).toEqual(expected);
  });

  it("set and remove single metadata, several callers at once (behaviour 70, 71)", async () => {
    const { id } = (await create()).json;
    const set = (key: string) =>
      service.patch(`/v3/images/${id}`, { metadata: { operation: "set", key, value: key } });
    const names = Array.from({ length: 20 }, (_, n) => `key${n}`);
    expect((await Promise.all(names.map(set))).every(({ status }) => status === 200)).toBe(true);
    await service.patch(`/v3/images/${id}`, { metadata: { operation: "remove", key: "key0" } });
    await service.patch(`/v3/images/${id}`, { metadata: { operation: "remove", key: "unknown" } });
    await service.patch(`/v3/images/${id}`, { metadata: { operation: "set", key: "key1" } });
    const { metadata } = (await service.get(`/v3/images/${id}`)).json;
    expect(metadata).toEqual({ ...Object.fromEntries(names.slice(1).map((name) => [name, name])), key1: "" });
  });

  it("are linked to a manifest whose objects all exist, by POST or later by PATCH (behaviour 48, 65, 66)", async () => {
    const link = await storeImage(service.ports.artifacts, "a");
    expect((await create({ link })).json.link).toEqual(link);
    const second = await storeImage(service.ports.artifacts, "b");
    const { id } = (await create()).json;
    expect((await service.patch(`/v3/images/${id}`, { link: second })).json.link).toEqual(second);
    expect((await service.patch(`/v3/images/${id}`, { link: second })).status).toBe(200);
    const other = await service.patch(`/v3/images/${id}`, {
      arch: "aarch64",
      link: { ...second, etag: "x" },
    });
    expect(other.status).toBe(409);
    expect((await service.get(`/v3/images/${id}`)).json.arch).toBe("x86_64");
    expect((await service.patch(`/v3/images/${id}`, { link: null })).status).toBe(422);
  });

  it("take the ETag from the store when none is sent", async () => {
    const { type, path, etag } = await storeImage(service.ports.artifacts, "a");
    expect((await create({ link: { type, path } })).json.link).toEqual({ type, path, etag });
  });

  it("share no link path (behaviour 50), not even when asked for at once", async () => {
    const link = await storeImage(service.ports.artifacts, "a");
    const answers = await Promise.all([1, 2, 3].map(() => create({ link })));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 422, 422]);
  });

  const rootfs = {
    type: "application/vnd.cray.image.rootfs.squashfs",
    link: { type: "s3", path: "s3://boot-images/a/rootfs" },
  };
  it.each([
    ["is no JSON (behaviour 53)", "not json", 422],
    ["is a list (behaviour 55)", [1], 422],
    ["has no version (behaviour 56)", { artifacts: [] }, 422],
    ["has another version (behaviour 56)", { version: 1.0, artifacts: [] }, 422],
    ["has no artifacts (behaviour 57)", { version: "1.0" }, 422],
    ["has an entry without link (behaviour 58)", { version: "1.0", artifacts: [{ type: rootfs.type }] }, 422],
    [
      "has an entry with a null link (behaviour 58)",
      { version: "1.0", artifacts: [{ ...rootfs, link: null }] },
      422,
    ],
    [
      "names an object that is gone (behaviour 59)",
      { version: "1.0", artifacts: [{ ...rootfs, link: { type: "s3", path: "s3://boot-images/a/gone" } }] },
      422,
    ],
    ["has an entry without type (behaviour 60)", { version: "1.0", artifacts: [{ link: rootfs.link }] }, 422],
    ["has no rootfs (behaviour 61)", { version: "1.0", artifacts: [] }, 400],
    ["has two rootfs (behaviour 61)", { version: "1.0", artifacts: [rootfs, rootfs] }, 400],
    ["is too large (behaviour 52)", " ".repeat(1_048_576), 400],
    ["is an empty value (behaviour 54)", {}, 201],
    ["has one rootfs (behaviour 61)", { version: "1.0", artifacts: [rootfs] }, 201],
  ])("whose manifest %s", async (_, manifest, status) => {
    await storeImage(service.ports.artifacts, "a");
    const link = await storeManifest(service.ports.artifacts, "a", manifest);
    expect((await create({ link })).status).toBe(status);
    expect((await service.get("/v3/images")).json).toHaveLength(status === 201 ? 1 : 0);
  });

  it("whose manifest is gone are refused (behaviour 51)", async () => {
    expect((await create({ link: { type: "s3", path: "s3://boot-images/none" } })).status).toBe(422);
    expect((await create({ link: { type: "s3", path: "nowhere" } })).status).toBe(422);
  });

  it("take their objects with them into the trash (behaviour 77, 78, 79)", async () => {
    const link = await storeImage(service.ports.artifacts, "a");
    const { id } = (await create({ link, metadata: { k: "v" } })).json;
    expect((await service.remove(`/v3/images/${id}`)).status).toBe(204);
    const parts = ["boot_parameters", "initrd", "kernel", "manifest.json", "rootfs"];
    const deletedManifest = `deleted/${id}/deleted_manifest.json`;
    expect((await keys()).toSorted()).toEqual(
      [deletedManifest, ...parts.map((part) => `deleted/a/${part}`)].toSorted(),
    );
    const trashed = (await service.ports.records.get("deleted-image", id))?.value;
    expect(trashed).toMatchObject({
      metadata: { k: "v" },
      link: { path: `s3://boot-images/${deletedManifest}`, etag: "" },
    });
    const content = await service.ports.artifacts.read({ bucket: "boot-images", key: deletedManifest });
    const manifest = JSON.parse(Buffer.concat(await Array.fromAsync(content?.body ?? [])).toString());
    expect(manifest).toMatchObject({ version: "1.0", created: "2026-06-15 12:00:00" });
    expect(manifest.artifacts.at(-1)).toEqual({
      type: "application/vnd.cray.image.manifest",
      link: { type: "s3", path: "s3://boot-images/deleted/a/manifest.json", etag: link.etag },
    });
    expect(manifest.artifacts[0]).toMatchObject({ md5: expect.stringMatching(/^[0-9a-f]{32}$/u) });
  });

  it("go to the trash with what is still there (behaviour 81), or with the record alone (behaviour 82)", async () => {
    const link = await storeImage(service.ports.artifacts, "a");
    const first = (await create({ link })).json;
    await service.ports.artifacts.remove({ bucket: "boot-images", key: "a/kernel" });
    expect((await service.remove(`/v3/images/${first.id}`)).status).toBe(204);
    expect(await keys()).not.toContain("deleted/a/kernel");
    const second = (await create({ link: await storeImage(service.ports.artifacts, "b") })).json;
    await service.ports.artifacts.remove({ bucket: "boot-images", key: "b/manifest.json" });
    expect((await service.remove(`/v3/images/${second.id}`)).status).toBe(204);
    expect((await service.ports.records.get("deleted-image", second.id))?.value.link).toEqual(second.link);
    expect(await keys()).toContain("b/rootfs");
  });

  it("finish a deletion that a crash interrupted between the record and its objects", async () => {
    const link = await storeImage(service.ports.artifacts, "a");
    const { id } = (await create({ link })).json;
    const { artifacts } = service.ports;
    const move = artifacts.move.bind(artifacts);
    let moves = 0;
    service.ports.artifacts.move = async (from, to) => {
      moves += 1;
      if (moves === 2) throw new Error("crash");
      return await move(from, to);
    };
    expect((await service.remove(`/v3/images/${id}`)).status).toBe(500);
    expect(await keys()).toContain("a/initrd");
    service.ports.artifacts.move = move;
    await service.ims.recover();
    expect((await keys()).filter((key) => !key.startsWith("deleted/"))).toEqual([]);
    expect(await service.ports.records.get("object-journal", id)).toBeUndefined();
  });

  it("list their artifacts with sizes and digests, the manifest last, and hand each out by range", async () => {
    const link = await storeImage(service.ports.artifacts, "a");
    const { id } = (await create({ link })).json;
    const { json } = await service.get(`/v3/images/${id}/artifacts`);
    expect(json.map((artifact: { name: string }) => artifact.name)).toEqual([
      "rootfs",
      "kernel",
      "initrd",
      "boot_parameters",
      "manifest",
    ]);
    expect(json[1]).toEqual({
      name: "kernel",
      type: "application/vnd.cray.image.kernel",
      size: 11,
      md5: expect.stringMatching(/^[0-9a-f]{32}$/u),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/u),
      link: { type: "s3", path: "s3://boot-images/a/kernel", etag: expect.any(String) },
    });
    expect((await service.get(`/v3/images/${id}/artifacts/kernel`)).text).toBe("kernel of a");
    expect((await service.get(`/v3/images/${id}/artifacts/kernel`, { range: "bytes=-1" })).text).toBe("a");
    const missing = await service.get(`/v3/images/${id}/artifacts/nothing`);
    expect(missing).toMatchObject({ status: 404 });
    expect(missing.json.detail).toContain("rootfs, kernel, initrd, boot_parameters, manifest");
  });
});
