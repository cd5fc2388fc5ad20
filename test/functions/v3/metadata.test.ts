import { beforeEach, describe, expect, it } from "vitest";
import type { Json } from "../../support/json.ts";
import { createTestService, type TestService } from "../../support/ims.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const create = async (metadata?: unknown) => await service.post("/v3/images", { name: "i", metadata });
const change = (id: string, metadata: unknown) => service.patch(`/v3/images/${id}`, { metadata });
/** `__proto__` in a literal would set the prototype instead of a member. */
const parsed = (text: string): object => JSON.parse(text);

describe("metadata of images", () => {
  it.each([
    [{ key: "k", value: "v" }, { k: "v" }],
    [{ key: "k" }, { k: "" }],
    [{}, {}],
    [
      { a: "1", value: "2" },
      { a: "1", value: "2" },
    ],
    [undefined, {}],
  ])("is made of a pair or of a map: %j becomes %j (behaviour 46)", async (sent, stored) => {
    expect(await create(sent)).toMatchObject({ status: 201, json: { metadata: stored } });
  });

  it("takes of a pair with more members only the pair (behaviour 47)", async () => {
    expect((await create({ key: "k", value: "v", more: "x" })).json.metadata).toEqual({ k: "v" });
  });

  it.each([
    [null],
    [["k"]],
    ["k"],
    [7],
    [{ a: 1 }],
    [{ key: 1 }],
    [{ key: "k", value: null }],
    [{ a: null }],
  ])("is not %j (behaviour 46)", async (metadata) => {
    const { status, json } = await create(metadata);
    expect([status, Object.keys(json.errors)]).toEqual([422, ["metadata"]]);
  });

  it("is set and removed key by key (behaviour 70, 71)", async () => {
    const { id } = (await create({ a: "1" })).json;
    expect((await change(id, { operation: "set", key: "b", value: "2" })).json.metadata).toEqual({
      a: "1",
      b: "2",
    });
    expect((await change(id, { operation: "set", key: "a", value: "3" })).json.metadata).toEqual({
      a: "3",
      b: "2",
    });
    expect((await change(id, { operation: "set", key: "a" })).json.metadata).toEqual({ a: "", b: "2" });
    expect(await change(id, { operation: "remove", key: "unknown" })).toMatchObject({
      status: 200,
      json: { metadata: { a: "", b: "2" } },
    });
    const removed = await change(id, { operation: "remove", key: "b", value: "ignored" });
    expect(removed.json.metadata).toEqual({ a: "" });
  });

  it.each([
    [{ key: "k" }, "operation"],
    [{ operation: "add", key: "k" }, "operation"],
    [{ operation: "set" }, "key"],
    [{ operation: "set", key: 1 }, "key"],
    [{ operation: "set", key: "k", value: null }, "value"],
    [{ operation: "set", key: "k", value: 1 }, "value"],
    [{ operation: "set", key: "k", more: "x" }, "more"],
  ])("is not changed by %j, and the answer names %s (behaviour 72)", async (metadata, member) => {
    const { id } = (await create({ a: "1" })).json;
    const { status, json } = await change(id, metadata);
    expect([status, Object.keys(json.errors.metadata)]).toEqual([422, [member]]);
    expect((await change(id, null)).json.errors).toEqual({ metadata: ["Field may not be null."] });
    expect((await service.get(`/v3/images/${id}`)).json.metadata).toEqual({ a: "1" });
  });

  it.each(["__proto__", "constructor", "prototype"])(
    "refuses the key %s, which would be lost on the way, instead of losing it",
    async (key) => {
      const { id } = (await create()).json;
      const answers = [
        await create({ key, value: "v" }),
        await create(parsed(`{"fine": "v", "${key}": "v"}`)),
        await change(id, { operation: "set", key, value: "v" }),
        await change(id, { operation: "remove", key }),
      ];
      for (const { status, json } of answers) {
        expect(status).toBe(422);
        expect(JSON.stringify(json.errors.metadata)).toContain("A key is none of");
      }
      expect((await service.get("/v3/images")).json).toMatchObject([{ id, metadata: {} }]);
    },
  );
});

describe("other keys that clients choose", () => {
  it.each(["__proto__", "constructor", "prototype"])("are not %s: a template's variables", async (key) => {
    const recipe = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" };
    const template_dictionary = [{ key, value: "v" }];
    const { id } = (await service.post("/v3/recipes", recipe)).json;
    for (const { status, json } of [
      await service.post("/v3/recipes", { ...recipe, template_dictionary }),
      await service.patch(`/v3/recipes/${id}`, { template_dictionary }),
    ]) {
      expect(status).toBe(422);
      expect(json.errors.template_dictionary[0].key).toEqual([expect.stringContaining("A key is none of")]);
    }
  });

  it.each(["__proto__", "constructor", "prototype"])("are not %s: the members of a body", async (key) => {
    const answer = await service.app.request("/v3/images", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: `{"name": "i", "${key}": "x"}`,
    });
    expect(answer.status).toBe(422);
    const { errors }: Json = await answer.json();
    expect(Object.entries(errors)).toEqual([[key, ["Unknown field."]]]);
  });
});
