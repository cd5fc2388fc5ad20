import { beforeEach, describe, expect, it } from "vitest";
import { createTestService, type TestService } from "../../support/ims.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const key = { name: "mine", public_key: "ssh-ed25519 AAAAC3Nza someone@somewhere\n" };

describe("public keys", () => {
  it("are stored verbatim, trailing newline included (behaviour 22)", async () => {
    const { status, json } = await service.post("/v3/public-keys", key);
    expect(status).toBe(201);
    expect(json).toEqual({
      ...key,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/u),
      created: "2026-06-15T12:00:00.000Z",
    });
    expect((await service.get(`/v3/public-keys/${json.id}`)).json).toEqual(json);
  });

  it("are listed in creation order, as a bare array, names repeating (behaviour 15, 21, 24)", async () => {
    const names = ["b", "a", "a"];
    for (const name of names) await service.post("/v3/public-keys", { ...key, name });
    const { status, json } = await service.get("/v3/public-keys");
    expect(status).toBe(200);
    expect(json.map((record: { name: string }) => record.name)).toEqual(names);
  });

  it.each([
    [{}, 400, undefined],
    [[], 400, undefined],
    [{ public_key: "k" }, 422, { name: ["Missing data for required field."] }],
    [
      { name: "", public_key: "" },
      422,
      { name: ["name field must not be blank"], public_key: ["public_key field must not be blank"] },
    ],
    [
      { name: null, public_key: 7 },
      422,
      { name: ["Field may not be null."], public_key: ["Not a valid string."] },
    ],
    [{ ...key, id: "x" }, 422, { id: ["Unknown field."] }],
    [["x"], 422, { _schema: ["Invalid input type."] }],
    [7, 422, { _schema: ["Invalid input type."] }],
  ])("refuse %j with %i (behaviour 5, 8, 10, 11, 23)", async (body, status, errors) => {
    const answer = await service.post("/v3/public-keys", body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.json.errors).toEqual(errors);
    expect((await service.get("/v3/public-keys")).json).toEqual([]);
  });

  it("are taken with a name of blanks (behaviour 23)", async () => {
    expect((await service.post("/v3/public-keys", { ...key, name: "  " })).status).toBe(201);
  });

  it("are never a private key", async () => {
    const text = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----\n";
    const { status, text: answer } = await service.post("/v3/public-keys", {
      name: "oops",
      public_key: text,
    });
    expect(status).toBe(422);
    expect(answer).not.toContain("b3BlbnNzaC1rZXk");
  });

  it("go to the trash with their id and creation time, once (behaviour 26, 27)", async () => {
    const { json } = await service.post("/v3/public-keys", key);
    expect(await service.remove(`/v3/public-keys/${json.id}`)).toMatchObject({ status: 204, text: "" });
    expect((await service.get(`/v3/public-keys/${json.id}`)).status).toBe(404);
    expect((await service.remove(`/v3/public-keys/${json.id}`)).status).toBe(404);
    const trashed = await service.ports.records.get("deleted-public-key", json.id);
    expect(trashed?.value).toEqual({ ...json, deleted: "2026-06-15T12:00:00.000Z" });
  });

  it("go to the trash all at once, also when there are none (behaviour 29)", async () => {
    await service.post("/v3/public-keys", key);
    await service.post("/v3/public-keys", key);
    expect((await service.remove("/v3/public-keys")).status).toBe(204);
    expect((await service.get("/v3/public-keys")).json).toEqual([]);
    expect((await service.remove("/v3/public-keys")).status).toBe(204);
  });

  it("are deleted by one of two callers at once; the other finds it gone", async () => {
    const { json } = await service.post("/v3/public-keys", key);
    const answers = await Promise.all([1, 2].map(() => service.remove(`/v3/public-keys/${json.id}`)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 404]);
  });

  it("know no PATCH (behaviour 25)", async () => {
    const { json } = await service.post("/v3/public-keys", key);
    const answer = await service.patch(`/v3/public-keys/${json.id}`, { name: "x" });
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("GET, DELETE, HEAD, OPTIONS");
  });
});
