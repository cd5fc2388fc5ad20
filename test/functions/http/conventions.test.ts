import { beforeEach, describe, expect, it } from "vitest";
import { ENDPOINTS } from "../../../functions/endpoints.ts";
import { createTestService, type TestService } from "../../support/ims.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const recipe = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" };
const key = { name: "k", public_key: "ssh-ed25519 A" };
const unknownId = "11111111-1111-4111-8111-111111111111";
const job = {
  job_type: "create",
  artifact_id: unknownId,
  public_key_id: unknownId,
  image_root_archive_name: "n",
};
const collections = [
  ["public-keys", key],
  ["recipes", recipe],
  ["images", { name: "i" }],
] as const;

async function jobRequest() {
  const { id: artifact_id } = (await service.post("/v3/recipes", recipe)).json;
  await service.put(`/v3/recipes/${artifact_id}/archive`, "archive");
  const { id: public_key_id } = (await service.post("/v3/public-keys", key)).json;
  return { ...job, artifact_id, public_key_id };
}

describe("problems", () => {
  it("have status, title and detail, fields' messages under errors, and nothing else (behaviour 1)", async () => {
    for (const answer of [
      await service.get("/v3/images/none"),
      await service.get("/nothing"),
      await service.post("/v3/images", {}),
      await service.call("PUT", "/v3/images"),
    ]) {
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(Object.keys(answer.json).toSorted()).toEqual(["detail", "status", "title"]);
      expect(answer.json.status).toBe(answer.status);
    }
    const refused = await service.post("/v3/recipes", {
      ...recipe,
      name: 1,
      link: { type: "http", path: 1 },
      template_dictionary: [{ key: "a", value: "b" }, { key: 7 }],
    });
    expect(refused.status).toBe(422);
    expect(Object.keys(refused.json).toSorted()).toEqual(["detail", "errors", "status", "title"]);
    expect(refused.json.errors).toEqual({
      name: ["Not a valid string."],
      link: { type: ["Type must be one of: s3."], path: ["Not a valid string."] },
      template_dictionary: {
        "1": { key: ["Not a valid string."], value: ["Missing data for required field."] },
      },
    });
  });

  it("tell an unknown path from an unknown record (behaviour 3)", async () => {
    expect((await service.get("/v3/nothing")).json.detail).toMatch(
      /^The requested URL was not found on the server/u,
    );
    expect((await service.get("/v3/images/nothing")).json.detail).toMatch(
      /^Requested resource does not exist/u,
    );
  });

  it.each(["/v3/images", "/images/x", "/healthz/live", "/version"])(
    "are answered for a method that %s does not know, with Allow (behaviour 4)",
    async (path) => {
      const answer = await service.call("PUT", path);
      expect(answer).toMatchObject({ status: 405, json: { status: 405, title: "Method Not Allowed" } });
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(answer.headers.get("allow")).toContain("GET");
    },
  );

  it("say of what is unforeseen only that it was (behaviour 9)", async () => {
    service.ports.records.getJson = async () => {
      throw new TypeError("secret");
    };
    const answer = await service.get(`/v3/images/${unknownId}`);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.json).toEqual({
      status: 500,
      title: "Internal Server Error",
      request_id: expect.any(String),
    });
  });
});

describe("bodies", () => {
  const posts = ENDPOINTS.filter(
    ({ method, body, role }) => method === "post" && body !== undefined && role !== "agent",
  ).map(({ path }) => path);

  /** What a path names must be there: that is found out before the body is looked at (behaviour 14). */
  let upload: string;
  beforeEach(async () => {
    const recipeId = (await service.post("/v3/recipes", recipe)).json.id;
    upload = (await service.post("/v3/uploads", { target: { recipe: recipeId } })).json.id;
  });

  const send = async (path: string, body: string | undefined, type: string | undefined) =>
    await service.app.request(path.replace("{upload_id}", upload), {
      method: "POST",
      ...(body === undefined ? {} : { body }),
      headers: type === undefined ? {} : { "content-type": type },
    });

  it.each(posts)("of %s that hold nothing are told so (behaviour 5)", async (path) => {
    for (const body of ["{}", "[]", "null", "0", '""', "false"]) {
      const answer = await send(path, body, "application/json");
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ detail: expect.stringMatching(/^No input provided\./u) });
    }
  });

  it.each(posts)("of %s are JSON and say so (behaviour 6, 7)", async (path) => {
    expect((await send(path, undefined, undefined)).status).toBe(415);
    expect((await send(path, undefined, "text/plain")).status).toBe(415);
    expect((await send(path, '{"name": "x"}', "application/x-www-form-urlencoded")).status).toBe(415);
    expect((await send(path, '{"name"', "application/json")).status).toBe(400);
    expect((await send(path, "", "application/json")).status).toBe(400);
  });

  it.each(posts)("of %s are objects: no lists, texts or numbers (behaviour 8)", async (path) => {
    for (const body of ['["x"]', '"x"', "7", "true"]) {
      const answer = await send(path, body, "application/json");
      expect(answer.status).toBe(422);
      expect(await answer.json()).toMatchObject({ errors: { _schema: ["Invalid input type."] } });
    }
  });

  it("of PATCH are objects too (behaviour 8, 74)", async () => {
    const { id } = (await service.post("/v3/images", { name: "i" })).json;
    for (const path of [`/v3/images/${id}`, "/v3/deleted/images"]) {
      expect((await service.patch(path, ["x"])).json.errors).toEqual({ _schema: ["Invalid input type."] });
      expect((await service.patch(path, {})).json.detail).toMatch(/^No input provided\./u);
    }
  });

  it.each(["id", "created", "deleted", "status", "resultant_image_id", "kubernetes_job", "other"])(
    "do not set %s when something is made (behaviour 10, 138)",
    async (field) => {
      const all = [...collections, ["jobs", job], ["remote-build-nodes", { xname: "x" }]] as const;
      for (const [kind, body] of all) {
        const { status, json } = await service.post(`/v3/${kind}`, { ...body, [field]: "x" });
        expect([kind, status, json.errors]).toEqual([kind, 422, { [field]: ["Unknown field."] }]);
      }
    },
  );

  it("are told all that is wrong at once, each kind of it in the words clients know (behaviour 11)", async () => {
    const { json } = await service.post("/v3/jobs", {
      job_type: 7,
      artifact_id: null,
      public_key_id: "x",
      enable_debug: "perhaps",
      build_env_size: "many",
      ssh_containers: {},
      extra: 1,
      another: 1,
    });
    expect(json.errors).toEqual({
      job_type: [expect.any(String)],
      artifact_id: ["Field may not be null."],
      public_key_id: ["Not a valid UUID."],
      image_root_archive_name: ["Missing data for required field."],
      enable_debug: ["Not a valid boolean."],
      build_env_size: ["Not a valid integer."],
      ssh_containers: ["Not a valid list."],
      extra: ["Unknown field."],
      another: ["Unknown field."],
    });
    expect((await service.post("/v3/images", { name: 7, metadata: "x" })).json.errors).toEqual({
      name: ["Not a valid string."],
      metadata: ["Not a valid mapping type."],
    });
  });

  it.each([
    [true, true],
    [1, true],
    ["1", true],
    ["yes", true],
    ["on", true],
    ["t", true],
    ["True", true],
    [false, false],
    [0, false],
    ["no", false],
    ["off", false],
    ["f", false],
    ["FALSE", false],
  ])("may say %j for %s (behaviour 12)", async (word, value) => {
    expect((await service.post("/v3/recipes", { ...recipe, require_dkms: word })).json.require_dkms).toBe(
      value,
    );
  });

  it.each([2, "maybe", "", [], {}])("may not say %j for a truth (behaviour 12)", async (require_dkms) => {
    expect((await service.post("/v3/recipes", { ...recipe, require_dkms })).json.errors).toEqual({
      require_dkms: ["Not a valid boolean."],
    });
  });

  it.each([
    ["7", 7],
    [1.5, 1],
    [60, 60],
  ])("may say %j for the number %i, and no number for a text (behaviour 12)", async (size, value) => {
    const request = await jobRequest();
    expect((await service.post("/v3/jobs", { ...request, build_env_size: size })).json.build_env_size).toBe(
      value,
    );
    expect((await service.post("/v3/images", { name: 7 })).json.errors).toEqual({
      name: ["Not a valid string."],
    });
  });
});

describe("records", () => {
  it.each(collections)(
    "of %s are made with 201, read with 200 and deleted with 204 (behaviour 2)",
    async (kind, body) => {
      const made = await service.post(`/v3/${kind}`, body);
      const { id } = made.json;
      expect([made.status, made.headers.get("content-type")]).toEqual([201, "application/json"]);
      const read = await service.get(`/v3/${kind}/${id}`);
      expect([read.status, read.headers.get("content-type")]).toEqual([200, "application/json"]);
      expect(await service.remove(`/v3/${kind}/${id}`)).toMatchObject({ status: 204, text: "" });
      const undelete = { operation: "undelete" };
      expect(await service.patch(`/v3/deleted/${kind}/${id}`, undelete)).toMatchObject({
        status: 204,
        text: "",
      });
      expect(await service.remove(`/v3/${kind}`)).toMatchObject({ status: 204, text: "" });
      expect(await service.remove(`/v3/deleted/${kind}`)).toMatchObject({ status: 204, text: "" });
    },
  );

  it("of images and recipes are patched with 200 and the whole record (behaviour 2)", async () => {
    for (const [kind, body] of collections.slice(1)) {
      const { json } = await service.post(`/v3/${kind}`, body);
      const patched = await service.patch(`/v3/${kind}/${json.id}`, { arch: "aarch64" });
      expect(patched).toMatchObject({ status: 200, json: { ...json, arch: "aarch64" } });
    }
  });

  it.each(collections)("of %s are found by the exact text of their id (behaviour 13)", async (kind, body) => {
    const { id } = (await service.post(`/v3/${kind}`, body)).json;
    const others = [id.toUpperCase(), id.replaceAll("-", ""), "no-uuid"].filter((other) => other !== id);
    for (const other of others) expect((await service.get(`/v3/${kind}/${other}`)).status).toBe(404);
    expect((await service.get(`/v3/${kind}/${id}`)).status).toBe(200);
  });

  it.each(["images", "recipes", "jobs", "deleted/images", "deleted/recipes", "deleted/public-keys"])(
    "of %s that do not exist are not found, whatever the body is (behaviour 14)",
    async (kind) => {
      for (const body of [{ nonsense: 1 }, {}, undefined])
        expect((await service.patch(`/v3/${kind}/${unknownId}`, body)).status).toBe(404);
    },
  );

  it.each(collections)(
    "of %s are all listed, in their order, whatever else is asked (behaviour 15)",
    async (kind, body) => {
      const ids = [];
      for (let n = 0; n < 120; n += 1) ids.push((await service.post(`/v3/${kind}`, body)).json.id);
      const [first, second] = ids;
      if (kind !== "public-keys") await service.patch(`/v3/${kind}/${second}`, { arch: "aarch64" });
      const plain = await service.get(`/v3/${kind}?nonsense=1&limit=`, { authorization: "Bearer of news" });
      expect(plain.status).toBe(200);
      expect(plain.json.map(({ id }: { id: string }) => id)).toEqual(ids);
      await service.remove(`/v3/${kind}/${first}`);
      await service.patch(`/v3/deleted/${kind}/${first}`, { operation: "undelete" });
      const after = (await service.get(`/v3/${kind}`)).json.map(({ id }: { id: string }) => id);
      expect(after).toEqual([...ids.slice(1), first]);
    },
  );

  it("say their times in UTC with milliseconds (behaviour 16)", async () => {
    service.time.now += 7;
    const { id, created } = (await service.post("/v3/images", { name: "i" })).json;
    await service.remove(`/v3/images/${id}`);
    const { deleted } = (await service.get(`/v3/deleted/images/${id}`)).json;
    expect([created, deleted]).toEqual(["2026-06-15T12:00:00.007Z", "2026-06-15T12:00:00.007Z"]);
  });

  it.each(collections)(
    "of %s read the same from POST, GET and the list (behaviour 17)",
    async (kind, body) => {
      const { json } = await service.post(`/v3/${kind}`, body);
      expect((await service.get(`/v3/${kind}/${json.id}`)).json).toEqual(json);
      expect((await service.get(`/v3/${kind}`)).json).toEqual([json]);
    },
  );

  it("have ids of their own and names that repeat (behaviour 21)", async () => {
    const request = await jobRequest();
    for (const [kind, body] of [...collections, ["jobs", request]] as const) {
      const ids = [
        (await service.post(`/v3/${kind}`, body)).json.id,
        (await service.post(`/v3/${kind}`, body)).json.id,
      ];
      expect(new Set(ids).size).toBe(2);
      for (const id of ids)
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u);
    }
  });
});

describe("other paths", () => {
  it("of health and version are at the root only (behaviour 18, 19)", async () => {
    for (const path of ["/healthz/ready", "/healthz/live"])
      expect(await service.get(path)).toMatchObject({ status: 200, json: {} });
    expect((await service.get("/version")).json).toEqual({ version: "1.2.3" });
    for (const path of ["/v3/version", "/v2/version", "/v3/healthz/live", "/healthz"])
      expect((await service.get(path)).status).toBe(404);
  });

  it("answer HEAD without a body and OPTIONS with what is allowed (behaviour 20)", async () => {
    for (const path of ["/v3/images", "/recipes", "/v2/jobs"]) {
      expect(await service.call("HEAD", path)).toMatchObject({ status: 200, text: "" });
      const options = await service.call("OPTIONS", path);
      expect(options).toMatchObject({ status: 200, text: "" });
      expect(options.headers.get("allow")).toBe("GET, POST, DELETE, HEAD, OPTIONS");
    }
  });
});
