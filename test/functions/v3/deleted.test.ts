import { beforeEach, describe, expect, it } from "vitest";
import { store, storeImage, storeManifest } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const undelete = { operation: "undelete" };
const keys = async (bucket = "boot-images") =>
  (await Array.fromAsync(service.ports.artifacts.list(bucket, ""))).map((info) => info.key);
const address = (key: string, bucket = "boot-images") => ({ bucket, key });

async function deletedKey() {
  const record = (await service.post("/v3/public-keys", { name: "n", public_key: "k" })).json;
  await service.remove(`/v3/public-keys/${record.id}`);
  return record;
}

async function linkedImage(folder = "a") {
  const link = await storeImage(service.ports.artifacts, folder);
  return (await service.post("/v3/images", { name: folder, link, metadata: { k: "v" } })).json;
}

async function deletedImage(folder = "a") {
  const image = await linkedImage(folder);
  await service.remove(`/v3/images/${image.id}`);
  return image;
}

async function linkedRecipe() {
  const wanted = {
    name: "r",
    recipe_type: "kiwi-ng",
    linux_distribution: "sles15",
    arch: "aarch64",
    require_dkms: false,
  };
  const { id } = (await service.post("/v3/recipes", wanted)).json;
  return (await service.put(`/v3/recipes/${id}/archive`, "archive")).json;
}

describe("deleted public keys", () => {
  it("exist under /v3 only (behaviour 32)", async () => {
    expect((await service.get("/deleted/public-keys")).status).toBe(404);
    expect((await service.get("/v2/deleted/public-keys")).status).toBe(404);
  });

  it("show the live record with the time of its deletion (behaviour 33)", async () => {
    const record = await deletedKey();
    const expected = { ...record, deleted: "2026-06-15T12:00:00.000Z" };
    expect((await service.get("/v3/deleted/public-keys")).json).toEqual([expected]);
    expect((await service.get(`/v3/deleted/public-keys/${record.id}`)).json).toEqual(expected);
  });

  it("come back with id and creation time, once, at the end of the list (behaviour 15, 34)", async () => {
    const record = await deletedKey();
    const other = (await service.post("/v3/public-keys", { name: "other", public_key: "k" })).json;
    expect(await service.patch(`/v3/deleted/public-keys/${record.id}`, undelete)).toMatchObject({
      status: 204,
      text: "",
    });
    expect((await service.get("/v3/public-keys")).json).toEqual([other, record]);
    expect((await service.patch(`/v3/deleted/public-keys/${record.id}`, undelete)).status).toBe(404);
  });

  it.each([
    [{}, 400],
    [{ operation: null }, 422],
    [{ operation: 1 }, 422],
    [{ operation: "UNDELETE" }, 422],
    [{ operation: "restore" }, 422],
    [{ operation: "undelete", more: 1 }, 422],
    [{ other: 1 }, 422],
  ])("refuse %j with %i, alone and all together (behaviour 35, 37)", async (body, status) => {
    const record = await deletedKey();
    expect((await service.patch(`/v3/deleted/public-keys/${record.id}`, body)).status).toBe(status);
    await service.remove("/v3/deleted/public-keys");
    expect((await service.patch("/v3/deleted/public-keys", body)).status).toBe(status);
  });

  it("go for good, once, and do not come back (behaviour 36)", async () => {
    const record = await deletedKey();
    const path = `/v3/deleted/public-keys/${record.id}`;
    expect((await service.remove(path)).status).toBe(204);
    expect((await service.remove(path)).status).toBe(404);
    expect((await service.patch(path, undelete)).status).toBe(404);
    const live = (await service.post("/v3/public-keys", { name: "n", public_key: "k" })).json;
    expect((await service.remove(`/v3/deleted/public-keys/${live.id}`)).status).toBe(404);
  });

  it("come back or go all at once, also when there are none (behaviour 37)", async () => {
    await deletedKey();
    await deletedKey();
    expect((await service.patch("/v3/deleted/public-keys", undelete)).status).toBe(204);
    expect((await service.get("/v3/public-keys")).json).toHaveLength(2);
    await service.remove("/v3/public-keys");
    expect((await service.remove("/v3/deleted/public-keys")).status).toBe(204);
    expect((await service.get("/v3/deleted/public-keys")).json).toEqual([]);
    expect((await service.patch("/v3/deleted/public-keys", undelete)).status).toBe(204);
    expect((await service.remove("/v3/deleted/public-keys")).status).toBe(204);
  });

  it("know no POST (behaviour 39)", async () => {
    expect((await service.post("/v3/deleted/public-keys", { name: "n", public_key: "k" })).status).toBe(405);
  });

  it("are restored or purged by one of several callers at once; the others find them gone", async () => {
    const record = await deletedKey();
    const path = `/v3/deleted/public-keys/${record.id}`;
    const answers = await Promise.all([
      service.patch(path, undelete),
      service.remove(path),
      service.patch(path, undelete),
    ]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 404, 404]);
  });
});

describe("deleted images", () => {
  it("without a link come back as they were (behaviour 76, 90)", async () => {
    const image = (await service.post("/v3/images", { name: "i", arch: "aarch64", metadata: { a: "1" } }))
      .json;
    await service.remove(`/v3/images/${image.id}`);
    expect((await service.get(`/v3/deleted/images/${image.id}`)).json.link).toBeNull();
    await service.patch(`/v3/deleted/images/${image.id}`, undelete);
    expect((await service.get(`/v3/images/${image.id}`)).json).toEqual(image);
  });

  it("bring their objects back, content, ETag and metadata unchanged (behaviour 91)", async () => {
    const image = await linkedImage();
    const before = await service.ports.artifacts.stat(address("a/rootfs"));
    await service.remove(`/v3/images/${image.id}`);
    expect((await service.patch(`/v3/deleted/images/${image.id}`, undelete)).status).toBe(204);
    expect((await service.get(`/v3/images/${image.id}`)).json).toEqual(image);
    expect((await keys()).toSorted()).toEqual(
      ["boot_parameters", "initrd", "kernel", "manifest.json", "rootfs"].map((part) => `a/${part}`),
    );
    expect(await service.ports.artifacts.stat(address("a/rootfs"))).toEqual(before);
    expect((await service.get(`/v3/images/${image.id}/artifacts/kernel`)).text).toBe("kernel of a");
  });

  it("stay in the trash while their manifest cannot be read (behaviour 92, 96)", async () => {
    const image = await deletedImage();
    const manifest = `deleted/${image.id}/deleted_manifest.json`;
    for (const text of ["no json", '{"version":"1.0"}', '{"version":"1.0","artifacts":null}']) {
      await store(service.ports.artifacts, "boot-images", manifest, text);
      expect((await service.patch(`/v3/deleted/images/${image.id}`, undelete)).status).toBe(422);
    }
    await service.ports.artifacts.remove(address(manifest));
    const answer = await service.patch(`/v3/deleted/images/${image.id}`, undelete);
    expect(answer).toMatchObject({
      status: 422,
      json: { detail: expect.stringContaining("Unable to read manifest file") },
    });
    expect((await service.get(`/v3/deleted/images/${image.id}`)).status).toBe(200);
  });

  it("that went without their objects come back once the manifest is there again (behaviour 93)", async () => {
    const image = await linkedImage();
    await service.ports.artifacts.remove(address("a/manifest.json"));
    await service.remove(`/v3/images/${image.id}`);
    expect((await service.patch(`/v3/deleted/images/${image.id}`, undelete)).status).toBe(422);
    await storeManifest(service.ports.artifacts, "a", { version: "1.0", artifacts: [] });
    expect((await service.patch(`/v3/deleted/images/${image.id}`, undelete)).status).toBe(204);
    expect((await service.get(`/v3/images/${image.id}`)).json.link).toEqual(image.link);
    expect(await keys()).toContain("a/rootfs");
  });

  it("come back without an object that is gone (behaviour 94)", async () => {
    const image = await deletedImage();
    await service.ports.artifacts.remove(address("deleted/a/kernel"));
    expect((await service.patch(`/v3/deleted/images/${image.id}`, undelete)).status).toBe(204);
    expect(await keys()).not.toContain("a/kernel");
  });

  it("overwrite nothing: an object in the way keeps them in the trash, whole (behaviour 95)", async () => {
    const image = await deletedImage();
    await store(service.ports.artifacts, "boot-images", "a/initrd", "somebody else's");
    const answer = await service.patch(`/v3/deleted/images/${image.id}`, undelete);
    expect(answer).toMatchObject({
      status: 422,
      json: { detail: expect.stringContaining("s3://boot-images/a/initrd") },
    });
    expect(await keys()).toContain("deleted/a/rootfs");
    expect((await service.get(`/v3/deleted/images/${image.id}`)).status).toBe(200);
  });

  it("keep their place in the trash: another one with the same link waits until it is free (behaviour 77)", async () => {
    const first = await deletedImage();
    const second = await linkedImage();
    const refused = await service.remove(`/v3/images/${second.id}`);
    expect(refused).toMatchObject({
      status: 422,
      json: { detail: expect.stringContaining("s3://boot-images/deleted/a/rootfs") },
    });
    expect((await service.remove("/v3/images")).json.errors).toEqual({ [second.id]: [refused.json.detail] });
    expect((await service.get(`/v3/images/${second.id}/artifacts`)).json).toHaveLength(5);
    await service.remove(`/v3/deleted/images/${first.id}`);
    expect((await service.remove(`/v3/images/${second.id}`)).status).toBe(204);
    expect((await service.patch(`/v3/deleted/images/${second.id}`, undelete)).status).toBe(204);
  });

  it("an artifact without md5 comes back too (behaviour 83)", async () => {
    await storeImage(service.ports.artifacts, "a");
    const rootfs = {
      type: "application/vnd.cray.image.rootfs.squashfs",
      link: { type: "s3", path: "s3://boot-images/a/rootfs" },
    };
    const link = await storeManifest(service.ports.artifacts, "a", { version: "1.0", artifacts: [rootfs] });
    const image = (await service.post("/v3/images", { name: "i", link })).json;
    await service.remove(`/v3/images/${image.id}`);
    await service.patch(`/v3/deleted/images/${image.id}`, undelete);
    expect(await keys()).toContain("a/rootfs");
  });

  it("go for good with all their objects (behaviour 97)", async () => {
    const image = await deletedImage();
    expect((await service.remove(`/v3/deleted/images/${image.id}`)).status).toBe(204);
    expect(await keys()).toEqual([]);
  });

  it("go without their objects when the manifest cannot be read, and stay when it has no list (behaviour 98, 99)", async () => {
    const image = await deletedImage();
    const manifest = `deleted/${image.id}/deleted_manifest.json`;
    await store(service.ports.artifacts, "boot-images", manifest, '{"artifacts":null}');
    expect((await service.remove(`/v3/deleted/images/${image.id}`)).status).toBe(422);
    await store(service.ports.artifacts, "boot-images", manifest, "no json");
    expect((await service.remove(`/v3/deleted/images/${image.id}`)).status).toBe(204);
    expect(await keys()).toContain("deleted/a/rootfs");
  });

  it("that never moved do not take along what belongs to another image by now", async () => {
    const image = await linkedImage();
    await service.ports.artifacts.remove(address("a/manifest.json"));
    await service.remove(`/v3/images/${image.id}`);
    const second = await linkedImage();
    expect((await service.remove(`/v3/deleted/images/${image.id}`)).status).toBe(204);
    expect((await service.get(`/v3/images/${second.id}/artifacts`)).json).toHaveLength(5);
  });

  it("are restored one by one, going on past one that fails (behaviour 100)", async () => {
    const [broken, whole] = [await deletedImage("a"), await deletedImage("b")];
    await service.ports.artifacts.remove(address(`deleted/${broken.id}/deleted_manifest.json`));
    expect((await service.patch("/v3/deleted/images", undelete)).status).toBe(422);
    expect((await service.get("/v3/images")).json).toEqual([whole]);
    expect((await service.get("/v3/deleted/images")).json).toMatchObject([{ id: broken.id }]);
  });

  it("are purged one by one, going on past one that fails (behaviour 101)", async () => {
    const [broken, whole] = [await deletedImage("a"), await deletedImage("b")];
    await store(
      service.ports.artifacts,
      "boot-images",
      `deleted/${broken.id}/deleted_manifest.json`,
      '{"artifacts":1}',
    );
    expect((await service.remove("/v3/deleted/images")).status).toBe(422);
    expect((await service.get("/v3/deleted/images")).json).toMatchObject([{ id: broken.id }]);
    expect((await keys()).filter((key) => key.includes(whole.id) || key.startsWith("deleted/b/"))).toEqual(
      [],
    );
  });

  it("finish a return that a crash interrupted", async () => {
    const image = await deletedImage();
    const { artifacts } = service.ports;
    const move = artifacts.move.bind(artifacts);
    artifacts.move = async () => {
      throw new Error("crash");
    };
    expect((await service.patch(`/v3/deleted/images/${image.id}`, undelete)).status).toBe(500);
    artifacts.move = move;
    expect((await service.get(`/v3/images/${image.id}/artifacts`)).json).toHaveLength(5);
    expect((await keys()).filter((key) => key.startsWith("deleted/"))).toEqual([]);
  });
});

describe("deleted recipes", () => {
  it("have every member of the live record and come back with their archive (behaviour 125, 127)", async () => {
    const recipe = await linkedRecipe();
    await service.remove(`/v3/recipes/${recipe.id}`);
    expect((await service.get(`/v3/deleted/recipes/${recipe.id}`)).json).toEqual({
      ...recipe,
      link: { ...recipe.link, path: `s3://ims/deleted/recipes/${recipe.id}/recipe.tar.gz` },
      deleted: "2026-06-15T12:00:00.000Z",
    });
    expect((await service.patch(`/v3/deleted/recipes/${recipe.id}`, undelete)).status).toBe(204);
    expect((await service.get(`/v3/recipes/${recipe.id}`)).json).toEqual(recipe);
    expect((await service.get(`/v3/recipes/${recipe.id}/archive`)).text).toBe("archive");
  });

  it("stay in the trash while their archive is gone (behaviour 123, 124, 125)", async () => {
    const recipe = await linkedRecipe();
    const at = address(`recipes/${recipe.id}/recipe.tar.gz`, "ims");
    await service.ports.artifacts.remove(at);
    await service.remove(`/v3/recipes/${recipe.id}`);
    expect((await service.patch(`/v3/deleted/recipes/${recipe.id}`, undelete)).status).toBe(422);
    expect((await service.patch("/v3/deleted/recipes", undelete)).status).toBe(422);
    await store(service.ports.artifacts, "ims", at.key, "archive");
    expect((await service.patch("/v3/deleted/recipes", undelete)).status).toBe(204);
    expect((await service.get(`/v3/recipes/${recipe.id}`)).json.link).toEqual(recipe.link);
  });

  it("keep their place in the trash: another one with the same link goes for good only (behaviour 121)", async () => {
    const link = { type: "s3", path: "s3://ims/shared.tar.gz" };
    const wanted = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15", link };
    const made = async (text: string) => {
      await store(service.ports.artifacts, "ims", "shared.tar.gz", text);
      return (await service.post("/v3/recipes", wanted)).json.id;
    };
    const first = await made("first");
    await service.remove(`/v3/recipes/${first}`);
    const second = await made("second");
    expect((await service.remove(`/v3/recipes/${second}`)).status).toBe(422);
    expect((await service.remove(`/recipes/${second}`)).status).toBe(204);
    await service.patch(`/v3/deleted/recipes/${first}`, undelete);
    expect((await service.get(`/v3/recipes/${first}/archive`)).text).toBe("first");
  });

  it("go for good with their archive, also when it is gone already (behaviour 126)", async () => {
    const recipe = await linkedRecipe();
    await service.remove(`/v3/recipes/${recipe.id}`);
    expect((await service.remove(`/v3/deleted/recipes/${recipe.id}`)).status).toBe(204);
    expect(await keys("ims")).toEqual([]);
    const second = await linkedRecipe();
    await service.remove(`/v3/recipes/${second.id}`);
    await service.ports.artifacts.remove(address(`deleted/recipes/${second.id}/recipe.tar.gz`, "ims"));
    expect((await service.remove(`/v3/deleted/recipes/${second.id}`)).status).toBe(204);
  });
});
