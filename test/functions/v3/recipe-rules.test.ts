import { beforeEach, describe, expect, it } from "vitest";
import { ENDPOINTS } from "../../../functions/endpoints.ts";
import { store } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const wanted = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" };
const undelete = { operation: "undelete" };
const post = async (more: object = {}) => await service.post("/v3/recipes", { ...wanted, ...more });
const keys = async () =>
  (await Array.fromAsync(service.ports.artifacts.list("ims", ""))).map(({ key }) => key);

async function linked(key = "folder/archive.tar.gz", etag?: string) {
  const info = await store(service.ports.artifacts, "ims", key, "bytes");
  const link = { type: "s3", path: `s3://ims/${key}`, etag: etag ?? info.etag };
  return { etag: info.etag, recipe: (await post({ link })).json };
}

describe("a new recipe", () => {
  it.each(["name", "recipe_type", "linux_distribution"])("needs %s (behaviour 110)", async (field) => {
    const rest = { ...wanted, [field]: undefined };
    expect((await service.post("/v3/recipes", rest)).json).toMatchObject({
      status: 422,
      errors: { [field]: ["Missing data for required field."] },
    });
    expect((await post({ [field]: null })).json.errors).toEqual({ [field]: ["Field may not be null."] });
    expect((await post({ [field]: "" })).status).toBe(422);
  });

  it.each([
    ["recipe_type", ["kiwi-ng", "packer"], "Kiwi-ng"],
    ["linux_distribution", ["sles12", "sles15", "centos7"], "SLES15"],
    ["arch", ["x86_64", "aarch64"], "AARCH64"],
  ])("takes every word there is for %s, in lower case (behaviour 110, 111)", async (field, words, other) => {
    for (const word of words) expect((await post({ [field]: word })).json[field]).toBe(word);
    const list =
      field === "arch"
        ? "Must be one of: aarch64, x86_64."
        : `Recipe type must be one of: ${words.join(", ")}.`;
    expect((await post({ [field]: other })).json.errors).toEqual({ [field]: [list] });
  });

  it("keeps its template variables in their order, double ones too (behaviour 112)", async () => {
    const template_dictionary = [
      { key: "B", value: "1" },
      { key: "A", value: "" },
      { key: "B", value: "2" },
    ];
    const { status, json } = await post({ template_dictionary });
    expect([status, json.template_dictionary]).toEqual([201, template_dictionary]);
  });

  it.each([
    [[{ key: "A" }], { "0": { value: ["Missing data for required field."] } }],
    [[{ key: "A", value: "1" }, { value: "1" }], { "1": { key: ["Missing data for required field."] } }],
    [[{ key: "A", value: "1", x: 1 }], { "0": { x: ["Unknown field."] } }],
    [{}, ["Not a valid list."]],
    ["A=1", ["Not a valid list."]],
  ])("refuses the template variables %j (behaviour 112)", async (template_dictionary, errors) => {
    expect((await post({ template_dictionary })).json.errors).toEqual({ template_dictionary: errors });
  });

  it("has jobs also when its template variables were null (behaviour 113)", async () => {
    const { id } = (await post({ template_dictionary: null })).json;
    await service.put(`/v3/recipes/${id}/archive`, "archive");
    const key = (await service.post("/v3/public-keys", { name: "k", public_key: "ssh-ed25519 A" })).json;
    const job = { job_type: "create", artifact_id: id, public_key_id: key.id, image_root_archive_name: "n" };
    expect((await service.post("/v3/jobs", job)).status).toBe(201);
  });
});

describe("a PATCH of a recipe", () => {
  it("replaces the template variables as a whole, also by none, and never by null (behaviour 116, 119)", async () => {
    const { id } = (await post({ template_dictionary: [{ key: "A", value: "1" }] })).json;
    const change = (template_dictionary: unknown) =>
      service.patch(`/v3/recipes/${id}`, { template_dictionary });
    const next = [{ key: "C", value: "3" }];
    expect((await change(next)).json.template_dictionary).toEqual(next);
    expect((await change(null)).json.errors).toEqual({ template_dictionary: ["Field may not be null."] });
    expect((await service.get(`/v3/recipes/${id}`)).json.template_dictionary).toEqual(next);
    expect((await change([])).json.template_dictionary).toEqual([]);
  });

  it("takes words for a truth and answers the truth (behaviour 119)", async () => {
    const { id } = (await post({ require_dkms: false })).json;
    const changed = await service.patch(`/v3/recipes/${id}`, { require_dkms: "yes" });
    expect(changed).toMatchObject({ status: 200, json: { require_dkms: true } });
  });

  it.each(["name", "recipe_type", "linux_distribution", "id", "created", "other"])(
    "cannot change %s (behaviour 118)",
    async (field) => {
      const { id } = (await post()).json;
      const { status, json } = await service.patch(`/v3/recipes/${id}`, { [field]: "x" });
      expect([status, json.errors]).toEqual([422, { [field]: ["Unknown field."] }]);
    },
  );

  it("needs something to change (behaviour 120)", async () => {
    const { id } = (await post()).json;
    expect((await service.patch(`/v3/recipes/${id}`, {})).json).toMatchObject({
      status: 400,
      detail: expect.stringMatching(/^No input provided/u),
    });
  });
});

describe("a recipe in the trash", () => {
  it("has its archive beside it, with its real ETag, which it keeps (behaviour 121, 122)", async () => {
    const { etag, recipe } = await linked("folder/archive.tar.gz", "wrong");
    expect(recipe.link.etag).toBe("wrong");
    expect((await service.remove(`/v3/recipes/${recipe.id}`)).status).toBe(204);
    expect((await service.get(`/v3/deleted/recipes/${recipe.id}`)).json.link).toEqual({
      type: "s3",
      path: "s3://ims/deleted/folder/archive.tar.gz",
      etag,
    });
    expect(await keys()).toEqual(["deleted/folder/archive.tar.gz"]);
    await service.patch(`/v3/deleted/recipes/${recipe.id}`, undelete);
    const link = { type: "s3", path: "s3://ims/folder/archive.tar.gz", etag };
    expect((await service.get(`/v3/recipes/${recipe.id}`)).json).toEqual({ ...recipe, link });
    expect(await keys()).toEqual(["folder/archive.tar.gz"]);
  });

  it("that went without its archive comes back once that is there again, alone and with all (behaviour 123, 124)", async () => {
    for (const path of [(id: string) => `/v3/deleted/recipes/${id}`, () => "/v3/deleted/recipes"]) {
      const { recipe } = await linked();
      await service.ports.artifacts.remove({ bucket: "ims", key: "folder/archive.tar.gz" });
      await service.remove(`/v3/recipes/${recipe.id}`);
      expect((await service.get(`/v3/deleted/recipes/${recipe.id}`)).json.link).toEqual(recipe.link);
      expect((await service.patch(path(recipe.id), undelete)).status).toBe(422);
      await store(service.ports.artifacts, "ims", "folder/archive.tar.gz", "bytes");
      expect((await service.patch(path(recipe.id), undelete)).status).toBe(204);
      expect((await service.get(`/v3/recipes/${recipe.id}`)).json).toEqual(recipe);
      await service.remove("/recipes");
    }
  });

  it("stays there while its archive is gone from the trash (behaviour 125)", async () => {
    const { recipe } = await linked();
    await service.remove(`/v3/recipes/${recipe.id}`);
    await service.ports.artifacts.remove({ bucket: "ims", key: "deleted/folder/archive.tar.gz" });
    expect((await service.patch(`/v3/deleted/recipes/${recipe.id}`, undelete)).status).toBe(422);
    expect((await service.get(`/v3/deleted/recipes/${recipe.id}`)).status).toBe(200);
  });

  it("comes back or goes for good with all others, also when there are none (behaviour 129)", async () => {
    const { recipe } = await linked();
    const bare = (await post()).json;
    expect((await service.remove("/v3/recipes")).status).toBe(204);
    expect((await service.get("/v3/deleted/recipes")).json).toHaveLength(2);
    for (const [body, status] of [
      [{}, 400],
      [{ operation: "restore" }, 422],
    ] as const)
      expect((await service.patch("/v3/deleted/recipes", body)).status).toBe(status);
    expect(await service.patch("/v3/deleted/recipes", undelete)).toMatchObject({ status: 204, text: "" });
    expect((await service.get("/v3/recipes")).json).toEqual([recipe, bare]);
    await service.remove("/v3/recipes");
    expect((await service.remove("/v3/deleted/recipes")).status).toBe(204);
    expect(await keys()).toEqual([]);
    expect((await service.patch("/v3/deleted/recipes", undelete)).status).toBe(204);
    expect((await service.remove("/v3/deleted/recipes")).status).toBe(204);
    expect((await service.get("/v3/recipes")).json).toEqual([]);
  });

  it.each(["deleted-by-me/archive", "deleted/archive", "deletedarchive"])(
    "comes back to %s when it came from there (behaviour 130)",
    async (key) => {
      const { recipe } = await linked(key);
      await service.remove(`/v3/recipes/${recipe.id}`);
      expect(await keys()).toEqual([`deleted/${key}`]);
      await service.patch(`/v3/deleted/recipes/${recipe.id}`, undelete);
      expect(await keys()).toEqual([key]);
      expect((await service.get(`/v3/recipes/${recipe.id}`)).json).toEqual(recipe);
    },
  );

  it("is named in its path as clients name it (behaviour 131)", () => {
    const paths = ENDPOINTS.map(({ path }) => path).filter((path) => path.startsWith("/v3/deleted/recipes/"));
    expect([...new Set(paths)]).toEqual(["/v3/deleted/recipes/{recipe_id}"]);
  });
});

describe("what is in the trash", () => {
  const bodies = [
    ["public-keys", { name: "n", public_key: "k" }],
    ["recipes", wanted],
    ["images", { name: "n" }],
  ] as const;

  it.each(bodies)(
    "of %s is never in conflict with what lives (behaviour 38, 40, 203)",
    async (kind, body) => {
      const { id } = (await service.post(`/v3/${kind}`, body)).json;
      await service.remove(`/v3/${kind}/${id}`);
      await service.post(`/v3/${kind}`, body);
      const statuses = [];
      for (const path of [`/v3/deleted/${kind}`, `/v3/deleted/${kind}/${id}`, `/v3/deleted/${kind}`])
        statuses.push((await service.patch(path, undelete)).status);
      expect(statuses).toEqual([204, 404, 204]);
      expect((await service.get(`/v3/${kind}`)).json).toHaveLength(2);
    },
  );

  it.each(bodies)("of %s cannot be posted and is under /v3 only (behaviour 32, 39)", async (kind, body) => {
    const { id } = (await service.post(`/v3/${kind}`, body)).json;
    for (const path of [`/v3/deleted/${kind}`, `/v3/deleted/${kind}/${id}`])
      expect((await service.post(path, body)).status).toBe(405);
    for (const path of [`/deleted/${kind}`, `/v2/deleted/${kind}`])
      expect((await service.get(path)).status).toBe(404);
  });
});
