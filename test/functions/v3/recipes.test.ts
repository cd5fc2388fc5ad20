import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { createTestService, type TestService } from "../../support/ims.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const wanted = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" };
const create = async (more: object = {}) => (await service.post("/v3/recipes", { ...wanted, ...more })).json;
const base64 = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("base64");

describe("recipes", () => {
  it("have every default of the original (behaviour 109)", async () => {
    expect(await create()).toEqual({
      ...wanted,
      id: expect.any(String),
      created: "2026-06-15T12:00:00.000Z",
      link: null,
      template_dictionary: [],
      require_dkms: true,
      arch: "x86_64",
    });
  });

  it.each([
    [{ recipe_type: "KIWI-NG" }, { recipe_type: ["Recipe type must be one of: kiwi-ng, packer."] }],
    [
      { linux_distribution: "debian" },
      { linux_distribution: ["Recipe type must be one of: sles12, sles15, centos7."] },
    ],
    [{ arch: null }, { arch: expect.anything() }],
    [{ require_dkms: null }, { require_dkms: ["Field may not be null."] }],
    [{ template_dictionary: {} }, { template_dictionary: ["Not a valid list."] }],
    [
      { template_dictionary: [{ key: "A", value: 1, x: 1 }] },
      { template_dictionary: { "0": { value: ["Not a valid string."], x: ["Unknown field."] } } },
    ],
    [
      { link: { path: "", type: "http" } },
      { link: { path: ["path field must not be blank"], type: ["Type must be one of: s3."] } },
    ],
  ])("refuse %j (behaviour 110, 111, 112)", async (more, errors) => {
    const { status, json } = await service.post("/v3/recipes", { ...wanted, ...more });
    expect(status).toBe(422);
    expect(json.errors).toEqual(errors);
  });

  it("take null for an empty template dictionary (behaviour 112, 113)", async () => {
    expect((await create({ template_dictionary: null })).template_dictionary).toEqual([]);
  });

  it("are changed as a whole or not at all (behaviour 116, 118, 120)", async () => {
    const { id } = await create();
    const template_dictionary = [
      { key: "A", value: "1" },
      { key: "A", value: "2" },
    ];
    const changed = await service.patch(`/v3/recipes/${id}`, {
      arch: "aarch64",
      require_dkms: "no",
      template_dictionary,
    });
    expect(changed).toMatchObject({
      status: 200,
      json: { arch: "aarch64", require_dkms: false, template_dictionary },
    });
    const link = { path: "s3://ims/nothing", type: "s3" };
    expect((await service.patch(`/v3/recipes/${id}`, { arch: "x86_64", link })).status).toBe(422);
    expect((await service.patch(`/v3/recipes/${id}`, {})).status).toBe(400);
    expect((await service.patch(`/v3/recipes/${id}`, { name: "other" })).json.errors).toEqual({
      name: ["Unknown field."],
    });
    expect((await service.get(`/v3/recipes/${id}`)).json).toEqual(changed.json);
  });

  it("say 404 before they look at the body (behaviour 14)", async () => {
    expect((await service.patch("/v3/recipes/unknown", {})).status).toBe(404);
    expect((await service.put("/v3/recipes/unknown/archive", "x")).status).toBe(404);
  });

  it("are linked to what is uploaded, which downloads the same", async () => {
    const { id } = await create();
    const put = await service.put(`/v3/recipes/${id}/archive`, "archive", {
      "content-md5": base64("md5", "archive"),
    });
    expect(put).toMatchObject({
      status: 200,
      json: {
        id,
        link: {
          type: "s3",
          path: `s3://ims/recipes/${id}/recipe.tar.gz`,
          etag: createHash("md5").update("archive").digest("hex"),
        },
      },
    });
    const whole = await service.get(`/v3/recipes/${id}/archive`);
    expect(whole).toMatchObject({ status: 200, text: "archive" });
    expect(whole.headers.get("repr-digest")).toContain(`sha-256=:${base64("sha256", "archive")}:`);
    const part = await service.get(`/v3/recipes/${id}/archive`, { range: "bytes=2-4" });
    expect(part).toMatchObject({ status: 206, text: "chi" });
    expect(part.headers.get("content-range")).toBe("bytes 2-4/7");
    const etag = whole.headers.get("etag") ?? "";
    expect((await service.get(`/v3/recipes/${id}/archive`, { "if-none-match": etag })).status).toBe(304);
    expect((await service.get(`/v3/recipes/${id}/archive`, { range: "bytes=7-" })).status).toBe(416);
  });

  it("store nothing of an upload whose digest differs", async () => {
    const { id } = await create();
    const put = await service.put(`/v3/recipes/${id}/archive`, "archive", {
      "content-md5": base64("md5", "other"),
    });
    expect(put.status).toBe(422);
    expect((await service.get(`/v3/recipes/${id}`)).json.link).toBeNull();
    expect(await Array.fromAsync(service.ports.artifacts.list("ims", ""))).toEqual([]);
  });

  it("take the same archive again and refuse another", async () => {
    const { id } = await create();
    await service.put(`/v3/recipes/${id}/archive`, "archive");
    expect((await service.put(`/v3/recipes/${id}/archive`, "archive")).status).toBe(200);
    expect((await service.put(`/v3/recipes/${id}/archive`, "another")).status).toBe(409);
    expect((await service.get(`/v3/recipes/${id}/archive`)).text).toBe("archive");
    expect(await Array.fromAsync(service.ports.artifacts.list("ims", "uploads/"))).toEqual([]);
  });

  it("give one of several uploads at once the place, whole", async () => {
    const { id } = await create();
    const texts = ["one", "two", "three", "four"];
    const answers = await Promise.all(texts.map((text) => service.put(`/v3/recipes/${id}/archive`, text)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409, 409]);
    const winner = texts[answers.findIndex(({ status }) => status === 200)] ?? "";
    expect((await service.get(`/v3/recipes/${id}/archive`)).text).toBe(winner);
    expect((await service.get(`/v3/recipes/${id}`)).json.link.etag).toBe(
      createHash("md5").update(winner).digest("hex"),
    );
  });

  it("share no link path with another recipe (behaviour 115)", async () => {
    const { id } = await create();
    const { link } = (await service.put(`/v3/recipes/${id}/archive`, "archive")).json;
    const answer = await service.post("/v3/recipes", { ...wanted, link });
    expect(answer.status).toBe(422);
    expect(answer.json.detail).toContain(id);
  });

  it("keep a link they have and refuse another (behaviour 117)", async () => {
    const { id } = await create();
    const { link } = (await service.put(`/v3/recipes/${id}/archive`, "archive")).json;
    expect((await service.patch(`/v3/recipes/${id}`, { link })).status).toBe(200);
    expect((await service.patch(`/v3/recipes/${id}`, { link: { ...link, etag: "other" } })).status).toBe(409);
  });

  it("take their archive with them into the trash, with its real ETag (behaviour 121, 122)", async () => {
    const { id } = await create();
    const { link } = (await service.put(`/v3/recipes/${id}/archive`, "archive")).json;
    expect((await service.remove(`/v3/recipes/${id}`)).status).toBe(204);
    const trashed = (await service.ports.records.get("deleted-recipe", id))?.value;
    expect(trashed?.link).toEqual({ ...link, path: `s3://ims/deleted/recipes/${id}/recipe.tar.gz` });
    const keys = (await Array.fromAsync(service.ports.artifacts.list("ims", ""))).map((info) => info.key);
    expect(keys).toEqual([`deleted/recipes/${id}/recipe.tar.gz`]);
    expect((await service.post("/v3/recipes", { ...wanted, link })).status).toBe(422);
  });

  it("go to the trash without an archive that is gone, link unchanged (behaviour 123)", async () => {
    const { id } = await create();
    const { link } = (await service.put(`/v3/recipes/${id}/archive`, "archive")).json;
    await service.ports.artifacts.remove({ bucket: "ims", key: `recipes/${id}/recipe.tar.gz` });
    expect((await service.remove(`/v3/recipes/${id}`)).status).toBe(204);
    expect((await service.ports.records.get("deleted-recipe", id))?.value.link).toEqual(link);
  });

  it("that are uploaded twice at once are linked once; the same bytes are welcome, others are not", async () => {
    const { records } = service.ports;
    const get = records.get.bind(records);
    for (const [later, status] of [
      ["archive", 200],
      ["other", 409],
    ] as const) {
      const path = `/v3/recipes/${(await create()).id}/archive`;
      let isFirst = true;
      records.get = async (kind, id) => {
        if (kind === "link-claim" && isFirst) {
          isFirst = false;
          await service.put(path, "archive");
        }
        return await get(kind, id);
      };
      expect((await service.put(path, later)).status).toBe(status);
      expect((await service.get(path)).text).toBe("archive");
    }
  });
});
