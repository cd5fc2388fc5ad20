import * as v from "valibot";
import { beforeEach, describe, expect, it } from "vitest";
import { DomainError } from "../../core/errors.ts";
import { ENDPOINTS } from "../../functions/endpoints.ts";
import { pathsOf, PREFIXES } from "../../functions/http/endpoint.ts";
import { createTestService, type TestService } from "../support/ims.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

/** The path with a name that nothing has. */
const unknown = (path: string) => path.replaceAll(/\{\w+\*?\}/gu, "unknown");
const routes = ENDPOINTS.map(
  (endpoint) => [`${endpoint.method.toUpperCase()} ${endpoint.path}`, endpoint] as const,
);
const withId = routes.filter(([, { path, role }]) => path.includes("_id}") && role !== "agent");
const withBody = routes.filter(([, { body, path }]) => body !== undefined && !path.includes("{"));
const Problem = v.looseObject({ status: v.number(), title: v.string() });

describe("every endpoint", () => {
  it.each(routes)("%s answers under the gateway's prefix as it does without", async (_, { method, path }) => {
    const plain = await service.call(method.toUpperCase(), unknown(path));
    const prefixed = await service.call(method.toUpperCase(), `/apis/ims${unknown(path)}`);
    expect(prefixed.status).toBe(plain.status);
    expect(plain.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/u);
  });

  it.each(routes.filter(([, { role }]) => role !== "anyone" && role !== "agent"))(
    "%s asks who is calling before anything else",
    async (_, endpoint) => {
      const { app } = createTestService({}, {}, () => ({
        authenticate: async () => {
          throw new DomainError("unauthenticated", "Who are you?");
        },
      }));
      const answer = await app.request(unknown(endpoint.path), {
        method: endpoint.method.toUpperCase(),
        body: endpoint.method === "get" ? null : "x",
      });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    },
  );

  it.each(routes.filter(([, { role }]) => role === "admin"))("%s is not for readers", async (_, endpoint) => {
    const { app } = createTestService({}, {}, () => ({
      authenticate: async () => ({ name: "someone", role: "reader" }),
    }));
    expect(
      (await app.request(unknown(endpoint.path), { method: endpoint.method.toUpperCase() })).status,
    ).toBe(403);
  });

  it.each(withId)(
    "%s answers 404 for an id that nothing has (behaviour 13, 14)",
    async (_, { method, path }) => {
      for (const id of ["unknown", "46A2731E-A1D0-4F98-BA92-4F78C756BB12"]) {
        const answer = await service.call(method.toUpperCase(), path.replaceAll(/\{\w+\}/gu, id));
        expect(answer.status).toBe(404);
        expect(answer.headers.get("content-type")).toBe("application/problem+json");
        expect(v.is(Problem, answer.json)).toBe(true);
      }
    },
  );

  it.each(withBody)(
    "%s answers 415, 400 and 413 for a body it cannot take (behaviour 5, 6, 7)",
    async (_, { method, path }) => {
      const send = async (body: string, type?: string) =>
        (
          await service.app.request(path, {
            method: method.toUpperCase(),
            body,
            headers: type === undefined ? {} : { "content-type": type },
          })
        ).status;
      expect(await send("{}", "text/plain")).toBe(415);
      expect(await send("{", "application/json")).toBe(400);
      expect(await send("", "application/json")).toBe(400);
      expect(await send("{}", "application/json; charset=utf-8")).toBe(400);
      expect(await send("[]", "application/json")).toBe(400);
      expect(await send("[1]", "application/json")).toBe(422);
      expect(await send(`"${"x".repeat(1_048_576)}"`, "application/json")).toBe(413);
    },
  );

  it.each([...new Set(ENDPOINTS.flatMap((endpoint) => pathsOf(endpoint)))])(
    "%s answers 405 with Allow for other methods",
    async (path) => {
      const known = ENDPOINTS.filter((endpoint) => pathsOf(endpoint).includes(path)).map(({ method }) =>
        method.toUpperCase(),
      );
      const other = ["PUT", "PATCH", "DELETE", "POST"].find((method) => !known.includes(method)) ?? "";
      const answer = await service.call(other, unknown(path));
      expect(answer.status).toBe(405);
      expect(answer.headers.get("allow")?.split(", ")).toEqual(expect.arrayContaining(known));
      const options = await service.call("OPTIONS", unknown(path));
      expect([options.status, options.headers.get("allow")]).toEqual([200, answer.headers.get("allow")]);
    },
  );
});

describe("the listener for agents", () => {
  const forAgents = (path: string) => /^\/(?:agent|signed|signed-parts)\//u.test(path);

  it.each(routes)("serves %s only to agents with a token, or by a signed URL", async (_, endpoint) => {
    for (const prefix of PREFIXES)
      for (const path of pathsOf(endpoint)) {
        const method = endpoint.method.toUpperCase();
        const answer = await service.forAgents.request(prefix + unknown(path), { method });
        const signature = "expires=99999999999999&signature=forged";
        const forged = await service.forAgents.request(`${prefix}${unknown(path)}?${signature}`, {
          method,
          headers: { authorization: "Bearer forged", "content-type": "application/json" },
        });
        const refused = endpoint.role === "agent" ? [401, 401] : [400, 403];
        expect([answer.status, forged.status]).toEqual(forAgents(path) ? refused : [404, 404]);
      }
  });
});

const reads = routes.filter(([, { method, role }]) => method === "get" && role !== "agent");

describe("every endpoint that reads", () => {
  it.each(reads)("%s answers HEAD as GET, without a body (behaviour 20)", async (_, endpoint) => {
    for (const path of pathsOf(endpoint)) {
      const [got, head] = [await service.get(unknown(path)), await service.call("HEAD", unknown(path))];
      expect([head.status, head.text]).toEqual([got.status, ""]);
      expect(head.headers.get("content-type")).toBe(got.headers.get("content-type"));
      expect(head.headers.get("etag")).toBe(got.headers.get("etag"));
    }
  });

  it.each(reads)(
    "%s takes no notice of a query that it does not know (behaviour 15)",
    async (_, endpoint) => {
      for (const path of pathsOf(endpoint)) {
        const plain = await service.get(unknown(path));
        const asked = await service.get(`${unknown(path)}?nonsense=1&nonsense=2&limit=&%ff=%`);
        expect([asked.status, asked.text]).toEqual([plain.status, plain.text]);
      }
    },
  );
});

describe("every endpoint that changes something", () => {
  const changes = routes.filter(([, { method, role }]) => method !== "get" && role === "admin");

  it.each(changes)("%s changes nothing for who may not, whatever is sent", async (_, endpoint) => {
    const { id } = (await service.post("/v3/images", { name: "i" })).json;
    const before = (await service.get("/v3/images")).text;
    const { app } = createTestService({}, service.ports, () => ({
      authenticate: async () => ({ name: "someone", role: "reader" }),
    }));
    for (const path of pathsOf(endpoint)) {
      const answer = await app.request(path.replaceAll(/\{\w+\}/gu, id), {
        method: endpoint.method.toUpperCase(),
        body: "{",
        headers: { "content-type": "application/json" },
      });
      expect(answer.status).toBe(403);
    }
    expect((await service.get("/v3/images")).text).toBe(before);
  });

  it.each(changes.filter(([, { path, body }]) => path.includes("{") && body !== undefined))(
    "%s says that there is no such record before it looks at the body (behaviour 14)",
    async (_, endpoint) => {
      for (const path of pathsOf(endpoint))
        for (const [type, body] of [
          ["text/plain", "x"],
          ["application/json", "{"],
          ["application/json", '{"nonsense": 1}'],
        ] as const) {
          const method = endpoint.method.toUpperCase();
          const answer = await service.app.request(unknown(path), {
            method,
            body,
            headers: { "content-type": type },
          });
          expect(answer.status).toBe(404);
        }
    },
  );

  it.each(changes.filter(([, { path, body }]) => !path.includes("{") && body !== undefined))(
    "%s takes no body that is too large, be its length announced or not",
    async (_, endpoint) => {
      const bytes = new TextEncoder().encode(`{"name": "${"x".repeat(1_048_576)}"}`);
      for (const path of pathsOf(endpoint))
        for (const length of [{}, { "content-length": String(bytes.length) }]) {
          const answer = await service.app.request(path, {
            method: endpoint.method.toUpperCase(),
            body: bytes,
            headers: { "content-type": "application/json", ...length },
          });
          expect(answer.status).toBe(413);
        }
    },
  );
});

describe("the service", () => {
  it.each(["/", "/v3", "/v3/images/", "/nothing", "/v2/nothing", "/apis/ims/v3/nothing"])(
    "answers 404 for %s (behaviour 3)",
    async (path) => {
      const answer = await service.get(path);
      expect(answer.status).toBe(404);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
    },
  );

  it("answers health, version and its own description to anybody (behaviour 18, 19)", async () => {
    expect(await service.get("/healthz/live")).toMatchObject({ status: 200, json: {} });
    expect(await service.get("/healthz/ready")).toMatchObject({ status: 200, json: {} });
    expect(await service.get("/version")).toMatchObject({ status: 200, json: { version: "1.2.3" } });
    expect(await service.get("/openapi.json")).toMatchObject({ status: 200, json: { openapi: "3.1.0" } });
  });

  it("is not ready when its storage is not, and says why", async () => {
    service.ports.records.check = async () => {
      throw new DomainError("storage-full", "The disk is full.");
    };
    expect(await service.get("/healthz/ready")).toMatchObject({
      status: 507,
      json: { detail: "The disk is full." },
    });
    expect((await service.get("/healthz/live")).status).toBe(200);
  });

  it("tells nothing of an unforeseen error but the request's id, and logs its cause", async () => {
    service.ports.records.listJson = async () => {
      throw new TypeError("secret detail");
    };
    const answer = await service.get("/v3/images", { "x-request-id": "my-request" });
    expect(answer.status).toBe(500);
    expect(answer.json).toEqual({ title: "Internal Server Error", status: 500, request_id: "my-request" });
    expect(service.events).toContainEqual(
      expect.objectContaining({
        event: "request-failed",
        request_id: "my-request",
        reason: expect.stringContaining("secret detail"),
      }),
    );
  });

  it("takes a request id that is fit for a log, and makes one otherwise", async () => {
    const id = async (sent: string) =>
      (await service.get("/version", { "x-request-id": sent })).headers.get("x-request-id");
    expect(await id("abc-1.2_3")).toBe("abc-1.2_3");
    expect(await id('{"forged": 1}')).toMatch(/^[0-9a-f-]{36}$/u);
  });

  it("logs one line per request, without query, headers or body (behaviour 198)", async () => {
    await service.call(
      "POST",
      "/v3/public-keys?token=s3cret",
      { name: "n", public_key: "ssh-ed25519 S3CRET" },
      { authorization: "Bearer s3cret" },
    );
    const lines = service.events.filter(({ event }) => event === "request");
    expect(lines).toEqual([
      {
        event: "request",
        level: "info",
        request_id: expect.any(String),
        method: "POST",
        path: "/v3/public-keys",
        operation: "post_v3_public_key",
        status: 201,
        ms: 0,
        who: "local",
      },
    ]);
    expect(JSON.stringify(service.events)).not.toMatch(/s3cret/iu);
  });

  it("leaves an audit line for every change and every attempt at one, and none for reading", async () => {
    const { id } = (await service.post("/v3/images", { name: "i" })).json;
    await service.get("/v3/images");
    await service.patch(`/v3/images/${id}`, { name: "x" });
    await service.remove(`/v3/images/${id}`);
    const lines = service.events.filter(({ event }) => event === "audit");
    expect(lines).toMatchObject([
      { who: "local", operation: "post_v3_image", record: id, outcome: "done", status: 201 },
      { who: "local", operation: "patch_v3_image", record: id, outcome: "refused", status: 422 },
      { who: "local", operation: "delete_v3_image", record: id, outcome: "done", status: 204 },
    ]);
  });

  it("answers 304 to a client that has the current state of a list or record", async () => {
    await service.post("/v3/images", { name: "i" });
    const first = await service.get("/v3/images");
    const etag = first.headers.get("etag") ?? "";
    expect(await service.get("/v3/images", { "if-none-match": etag })).toMatchObject({
      status: 304,
      text: "",
    });
    await service.post("/v3/images", { name: "j" });
    expect((await service.get("/v3/images", { "if-none-match": etag })).status).toBe(200);
  });

  it("answers HEAD without a body (behaviour 20)", async () => {
    expect(await service.call("HEAD", "/v3/images")).toMatchObject({ status: 200, text: "" });
  });

  it.each([
    [{ host: "evil.example" }, 403],
    [{ host: "localhost:9100", "sec-fetch-site": "cross-site" }, 403],
    [{ host: "localhost:9100", "sec-fetch-site": "same-site" }, 403],
    [{ host: "localhost:9100", "sec-fetch-site": "same-origin" }, 200],
    [{ host: "localhost:9100", "sec-fetch-site": "none" }, 200],
    [{ host: "127.0.0.1:9100" }, 200],
    [{ host: "[::1]:9100" }, 200],
  ])("without authentication answers %j with %i: web pages cannot reach it", async (headers, status) => {
    expect((await service.get("/v3/images", headers)).status).toBe(status);
  });

  it("gives signed objects only to the bearer of a signature that is right and has not expired", async () => {
    const key = "a b/..c/ü%/c";
    const put = (await service.ports.artifacts.signUrl("PUT", { bucket: "boot-images", key }, 60)).url;
    expect((await service.put(put, "content", { "x-amz-meta-k": "v" })).status).toBe(204);
    expect((await service.ports.artifacts.stat({ bucket: "boot-images", key }))?.metadata).toEqual({
      k: "v",
    });
    const { url } = await service.ports.artifacts.signUrl("GET", { bucket: "boot-images", key }, 60);
    expect(await service.get(url, { range: "bytes=0-2" })).toMatchObject({ status: 206, text: "con" });
    expect((await service.get(put)).status).toBe(403);
    expect((await service.get(url.replace("expires=", "expires=9"))).status).toBe(403);
    expect((await service.get(url.replace("signature=", "signature=x"))).status).toBe(403);
    expect((await service.get(url.replace("boot-images", "ims"))).status).toBe(403);
    service.time.now += 61_000;
    expect((await service.get(url)).json.detail).toContain("expired");
  });
});
