import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { once } from "node:events";
import { buffer, text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createApiClient } from "../../../adapters/api/client.ts";
import type { ApiClientConfig } from "../../../adapters/api/client.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

let handle: Handler;
let url = "";
const server = createServer((request, response) => void handle(request, response));

beforeEach(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  url = `http://127.0.0.1:${address.port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

const client = (more: Partial<ApiClientConfig> = {}) => createApiClient({ url, ...more });

function answer(response: ServerResponse, status: number, body: unknown, type = "application/json"): void {
  response.writeHead(status, { "content-type": type }).end(JSON.stringify(body));
}

const recipe = {
  id: "r1",
  created: "2026-01-01T00:00:00.000Z",
  name: "sample",
  link: null,
  recipe_type: "kiwi-ng",
  linux_distribution: "sles15",
  template_dictionary: [],
  require_dkms: false,
  arch: "x86_64",
};

describe("the client of the API", () => {
  it("sends JSON and answers the record", async () => {
    const seen: unknown[] = [];
    handle = async (request, response) => {
      seen.push(
        request.method,
        request.url,
        request.headers["content-type"],
        JSON.parse(await text(request)),
      );
      answer(response, 201, { id: "k1", created: "2026-01-01T00:00:00.000Z", name: "n", public_key: "p" });
    };
    expect((await client().createPublicKey({ name: "n", public_key: "p" })).id).toBe("k1");
    expect(seen).toEqual(["POST", "/v3/public-keys", "application/json", { name: "n", public_key: "p" }]);
  });

  it("keeps the gateway's prefix and sends its token", async () => {
    const seen: unknown[] = [];
    handle = (request, response) => {
      seen.push(request.url, request.headers.authorization);
      answer(response, 200, []);
    };
    await client({ url: `${url}/apis/ims/`, token: "secret" }).listArtifacts("i1");
    expect(seen).toEqual(["/apis/ims/v3/images/i1/artifacts", "Bearer secret"]);
  });

  it("lets an id be nothing but one segment of the path", async () => {
    const seen: unknown[] = [];
    handle = (request, response) => {
      seen.push(request.url);
      answer(response, 404, {});
    };
    await expect(client().getImage("../jobs?x")).rejects.toMatchObject({ code: "not-found" });
    expect(seen).toEqual(["/v3/images/..%2Fjobs%3Fx"]);
  });

  it("sends an archive with its md5", async () => {
    const seen: unknown[] = [];
    handle = async (request, response) => {
      seen.push(request.headers["content-md5"], (await buffer(request)).toString());
      answer(response, 200, recipe);
    };
    await client().putRecipeArchive("r1", new Uint8Array(Buffer.from("abc")));
    expect(seen).toEqual(["kAFQmDzST7DWlj99KOF/cg==", "abc"]);
  });

  it("reads on in a log by range", async () => {
    handle = (request, response) => {
      expect(request.headers.range).toBe("bytes=4-");
      response.writeHead(206).end("rest");
    };
    expect(Buffer.from(await client().readJobLog("j", 4)).toString()).toBe("rest");
  });

  it("skips what it has when the service sends the whole log", async () => {
    handle = (_request, response) => void response.writeHead(200).end("have rest");
    expect(Buffer.from(await client().readJobLog("j", 5)).toString()).toBe("rest");
  });

  it("takes a log with nothing new for empty", async () => {
    handle = (_request, response) => answer(response, 416, {});
    expect(await client().readJobLog("j", 4)).toEqual(new Uint8Array());
  });

  it("streams an artifact", async () => {
    handle = (_request, response) => {
      response.writeHead(200).write("one ");
      response.end("two");
    };
    const chunks: Uint8Array[] = [];
    for await (const chunk of await client().readArtifact("i", "rootfs")) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe("one two");
  });

  it("makes of a problem document the error that it was", async () => {
    handle = (_request, response) =>
      answer(response, 409, { title: "Conflict", detail: "The job has ended." }, "application/problem+json");
    await expect(client().cancelJob("j")).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("The job has ended."),
    });
  });

  it("takes an answer that is not this API's for no answer", async () => {
    handle = (_request, response) => answer(response, 200, { hello: "world" });
    await expect(client().getJob("j")).rejects.toMatchObject({ code: "unavailable" });
  });

  it("takes a proxy's error page for no answer", async () => {
    handle = (_request, response) => void response.writeHead(502).end("<html>");
    await expect(client().getJob("j")).rejects.toMatchObject({ code: "unavailable" });
  });

  it("says unavailable when nobody listens", async () => {
    await expect(client({ url: "http://127.0.0.1:1" }).getJob("j")).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  it("does not wait for ever for an answer to begin", async () => {
    handle = () => undefined;
    await expect(client({ limit: 20 }).getJob("j")).rejects.toMatchObject({ code: "unavailable" });
  });

  it("ends with the signal's reason", async () => {
    const stop = new AbortController();
    handle = () => stop.abort(new Error("enough"));
    await expect(client({ signal: stop.signal }).getJob("j")).rejects.toThrow("enough");
  });
});
