import { beforeEach, describe, expect, it } from "vitest";
import { storeImage } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const key = { name: "n", public_key: "k" };
const recipe = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" };
const keys = async (bucket = "boot-images") =>
  (await Array.fromAsync(service.ports.artifacts.list(bucket, ""))).map((info) => info.key);

async function linkedImage(folder = "a") {
  const link = await storeImage(service.ports.artifacts, folder);
  return (await service.post("/images", { name: "i", link })).json;
}

describe.each(["", "/v2"])("the second generation at %j", (prefix) => {
  it("makes, reads and patches images and recipes as the third does (behaviour 108)", async () => {
    for (const [kind, body] of [
      ["images", { name: "i" }],
      ["recipes", recipe],
    ] as const) {
      const made = await service.post(`${prefix}/${kind}`, body);
      expect(made.status).toBe(201);
      const patched = await service.patch(`${prefix}/${kind}/${made.json.id}`, { arch: "aarch64" });
      expect(patched).toMatchObject({ status: 200, json: { ...made.json, arch: "aarch64" } });
      expect((await service.get(`${prefix}/${kind}/${made.json.id}`)).json).toEqual(patched.json);
      expect((await service.get(`${prefix}/${kind}`)).json).toEqual([patched.json]);
      for (const broken of [
        { ...body, id: "x" },
        { ...body, arch: "vax" },
      ]) {
        const [second, third] = [
          await service.post(`${prefix}/${kind}`, broken),
          await service.post(`/v3/${kind}`, broken),
        ];
        expect([second.status, second.json]).toEqual([third.status, third.json]);
      }
    }
  });

  it("knows no PATCH of public keys (behaviour 25)", async () => {
    const { id } = (await service.post(`${prefix}/public-keys`, key)).json;
    for (const path of [`${prefix}/public-keys/${id}`, `${prefix}/public-keys`])
      expect((await service.patch(path, { name: "x" })).status).toBe(405);
  });

  it("does not find a key that the third put into the trash, nor one that is unknown (behaviour 24, 27)", async () => {
    const { id } = (await service.post(`${prefix}/public-keys`, key)).json;
    await service.remove(`/v3/public-keys/${id}`);
    for (const unknown of [id, "none"]) {
      expect((await service.get(`${prefix}/public-keys/${unknown}`)).json.detail).toMatch(
        /^Requested resource does not/u,
      );
      expect((await service.remove(`${prefix}/public-keys/${unknown}`)).status).toBe(404);
    }
    expect((await service.get(`/v3/deleted/public-keys/${id}`)).status).toBe(200);
  });

  it("deletes images for good, leaving nothing in the trash (behaviour 103)", async () => {
    const { id } = await linkedImage();
    expect(await service.remove(`${prefix}/images/${id}`)).toMatchObject({ status: 204, text: "" });
    expect((await service.get("/v3/deleted/images")).json).toEqual([]);
    expect(await keys()).toEqual([]);
  });

  it.each([
    ["", 0],
    ["?cascade=TRUE", 0],
    ["?cascade=false", 5],
  ])("deletes all images%s and leaves %i objects each (behaviour 105, 107)", async (query, left) => {
    await linkedImage("a");
    await linkedImage("b");
    expect((await service.remove(`${prefix}/images${query}`)).status).toBe(204);
    expect((await service.get("/images")).json).toEqual([]);
    expect(await keys()).toHaveLength(2 * left);
  });

  it("deletes all recipes, with their archives or without (behaviour 128)", async () => {
    for (const [query, left] of [
      ["?cascade=no", 1],
      ["?cascade=yes", 1],
    ] as const) {
      const { id } = (await service.post(`${prefix}/recipes`, recipe)).json;
      await service.put(`/v3/recipes/${id}/archive`, "archive");
      expect((await service.remove(`${prefix}/recipes${query}`)).status).toBe(204);
      expect(await keys("ims")).toHaveLength(left);
      expect((await service.get("/v3/deleted/recipes")).json).toEqual([]);
    }
  });
});

describe("remote build nodes", () => {
  it("may have any name; one that no path can carry goes with all others (behaviour 193)", async () => {
    for (const xname of ["x1", "not an xname", "a/b"])
      expect((await service.post("/v3/remote-build-nodes", { xname })).status).toBe(201);
    expect((await service.get("/v3/remote-build-nodes/not%20an%20xname")).json).toEqual({
      xname: "not an xname",
    });
    expect((await service.get("/v3/remote-build-nodes/a/b")).status).toBe(404);
    expect((await service.remove("/v3/remote-build-nodes")).status).toBe(204);
    expect((await service.get("/v3/remote-build-nodes")).json).toEqual([]);
  });

  it("called status are hidden by the states of all (behaviour 192)", async () => {
    await service.post("/v3/remote-build-nodes", { xname: "status" });
    expect((await service.get("/v3/remote-build-nodes/status")).json).toMatchObject([{ xname: "status" }]);
    expect((await service.remove("/v3/remote-build-nodes/status")).status).toBe(204);
  });
});
