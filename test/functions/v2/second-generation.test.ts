import { beforeEach, describe, expect, it } from "vitest";
import { storeImage } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const wantedRecipe = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" };
const keys = async (bucket: string) =>
  (await Array.fromAsync(service.ports.artifacts.list(bucket, ""))).map((info) => info.key);

async function linkedImage() {
  const link = await storeImage(service.ports.artifacts, "a");
  return (await service.post("/images", { name: "i", link })).json;
}

describe("the second generation", () => {
  it.each(["images", "recipes", "public-keys", "jobs"])(
    "shows one and the same set of %s under every prefix (behaviour 31, 186)",
    async (kind) => {
      await service.post("/public-keys", { name: "n", public_key: "k" });
      await service.post("/v2/recipes", wantedRecipe);
      await service.post("/apis/ims/v2/images", { name: "i" });
      const lists = await Promise.all(
        ["", "/v2", "/v3", "/apis/ims", "/apis/ims/v2"].map((prefix) => service.get(`${prefix}/${kind}`)),
      );
      for (const { status, text } of lists) expect([status, text]).toEqual([200, lists[0]?.text]);
    },
  );

  it.each([
    ["public-keys", { name: "n", public_key: "k" }, "deleted-public-key"],
    ["images", { name: "n" }, "deleted-image"],
    ["recipes", wantedRecipe, "deleted-recipe"],
  ] as const)(
    "deletes %s for good, one and all (behaviour 28, 30, 103, 128)",
    async (kind, body, deletedKind) => {
      for (const prefix of ["", "/v2"]) {
        const { id } = (await service.post(`${prefix}/${kind}`, body)).json;
        expect((await service.remove(`${prefix}/${kind}/${id}`)).status).toBe(204);
        expect((await service.remove(`${prefix}/${kind}/${id}`)).status).toBe(404);
        await service.post(`${prefix}/${kind}`, body);
        expect((await service.remove(`${prefix}/${kind}`)).status).toBe(204);
        expect((await service.get(`${prefix}/${kind}`)).json).toEqual([]);
        expect((await service.ports.records.list(deletedKind)).records).toEqual([]);
      }
    },
  );

  it.each([
    ["", true],
    ["?cascade=true", true],
    ["?cascade=YES", true],
    ["?cascade=t", true],
    ["?cascade=1", true],
    ["?cascade=false", false],
    ["?cascade=", false],
    ["?cascade=maybe", false],
  ])("with DELETE%s takes an image's objects along: %s (behaviour 104, 105)", async (query, gone) => {
    const image = await linkedImage();
    expect((await service.remove(`/images/${image.id}${query}`)).status).toBe(204);
    expect(await keys("boot-images")).toHaveLength(gone ? 0 : 5);
  });

  it("deletes an image whose manifest cannot be read, leaving the objects (behaviour 106)", async () => {
    const image = await linkedImage();
    await service.ports.artifacts.remove({ bucket: "boot-images", key: "a/manifest.json" });
    expect((await service.remove(`/v2/images/${image.id}`)).status).toBe(204);
    expect(await keys("boot-images")).toContain("a/rootfs");
  });

  it("takes a recipe's archive along or keeps it (behaviour 128)", async () => {
    for (const [query, left] of [
      ["?cascade=false", 1],
      ["", 1],
    ] as const) {
      const { id } = (await service.post("/recipes", wantedRecipe)).json;
      await service.put(`/v3/recipes/${id}/archive`, "archive");
      await service.remove(`/recipes/${id}${query}`);
      expect(await keys("ims")).toHaveLength(left);
    }
  });

  it("frees the link of what it deletes", async () => {
    const image = await linkedImage();
    await service.remove(`/images/${image.id}?cascade=false`);
    expect((await service.post("/images", { name: "again", link: image.link })).status).toBe(201);
  });

  it("patches as the third does, with 404 before the body is looked at", async () => {
    const { id } = (await service.post("/images", { name: "i" })).json;
    expect((await service.patch(`/images/${id}`, { arch: "aarch64" })).json.arch).toBe("aarch64");
    expect((await service.patch("/v2/images/unknown", {})).status).toBe(404);
  });
});

describe("remote build nodes", () => {
  const xname = "x3000c1s10b1n0";

  it.each(["/v3/remote-build-nodes", "/remote-build-nodes"])(
    "are registered, listed and forgotten under %s (behaviour 187, 189, 190)",
    async (path) => {
      expect(await service.post(path, { xname })).toMatchObject({ status: 201, json: { xname } });
      expect((await service.post(path, { xname })).status).toBe(201);
      expect((await service.get(path)).json).toEqual([{ xname }]);
      expect((await service.get(`${path}/${xname}`)).json).toEqual({ xname });
      expect((await service.patch(`${path}/${xname}`, {})).status).toBe(405);
      expect((await service.remove(`${path}/${xname}`)).status).toBe(204);
      expect((await service.remove(`${path}/${xname}`)).status).toBe(404);
      await service.post(path, { xname });
      expect((await service.remove(path)).status).toBe(204);
      expect((await service.get(path)).json).toEqual([]);
    },
  );

  it.each([[{ xname: "" }], [{ xname: null }], [{ xname: 1 }], [{ other: "x" }], [{ xname, more: 1 }]])(
    "refuse %j (behaviour 188)",
    async (body) => {
      expect((await service.post("/v3/remote-build-nodes", body)).status).toBe(422);
    },
  );

  it("tell at once that nobody has looked at them yet (behaviour 191, 192)", async () => {
    await service.post("/v3/remote-build-nodes", { xname });
    const status = {
      xname,
      sshStatus: expect.stringMatching(/^Unable to connect to node. Error: /u),
      podmanStatus: "Unknown",
      nodeArch: "Unknown",
      numCurrentJobs: -1,
      ableToRunJobs: false,
    };
    expect((await service.get(`/v3/remote-build-nodes/status/${xname}`)).json).toEqual(status);
    expect((await service.get("/v3/remote-build-nodes/status")).json).toEqual([status]);
    expect((await service.get("/v3/remote-build-nodes/status/unknown")).status).toBe(404);
  });
});
