import type { RequestListener } from "node:http";
import { describe, expect, it } from "vitest";
import { createRepositories } from "../../../adapters/repositories/http.ts";
import { httpServer } from "../../support/http-server.ts";

const forever = new AbortController().signal;

async function ask(listener: RequestListener, paths: readonly string[], timeoutMs = 2000) {
  const base = await httpServer(listener);
  const probes = paths.map((path) => `${base}${path}`);
  return await createRepositories({ timeoutMs }).ask({ label: "r", probes }, forever);
}

describe("asking whether a repository answers", () => {
  it("is satisfied by the first file that is there, asked with HEAD", async () => {
    const asked: string[] = [];
    const answer = await ask(
      (request, response) => {
        asked.push(`${request.method} ${request.url}`);
        response.writeHead(request.url === "/b" ? 200 : 404).end();
      },
      ["/a", "/b", "/c"],
    );
    expect(answer).toEqual({ ready: true, answer: "HTTP 200" });
    expect(asked).toEqual(["HEAD /a", "HEAD /b"]);
  });

  it("tells each different answer when none is there", async () => {
    const answer = await ask(
      (request, response) => response.writeHead(request.url === "/a" ? 500 : 404).end(),
      ["/a", "/b", "/c"],
    );
    expect(answer).toEqual({ ready: false, answer: "HTTP 500, HTTP 404" });
  });

  it("asks with GET where HEAD is not allowed", async () => {
    const answer = await ask(
      (request, response) => response.writeHead(request.method === "HEAD" ? 405 : 200).end("content"),
      ["/a"],
    );
    expect(answer.ready).toBe(true);
  });

  it("follows a redirection", async () => {
    const answer = await ask(
      (request, response) =>
        request.url === "/a" ? response.writeHead(302, { location: "/b" }).end() : response.end(),
      ["/a"],
    );
    expect(answer.ready).toBe(true);
  });

  it("sends a URL's credentials as such", async () => {
    let authorization: string | undefined;
    const base = await httpServer((request, response) => {
      authorization = request.headers.authorization;
      response.end();
    });
    const probe = `${base.replace("//", "//us%40er:p%3Ass@")}/a`;
    const answer = await createRepositories().ask({ label: "r", probes: [probe] }, forever);
    expect(answer.ready).toBe(true);
    expect(authorization).toBe(`Basic ${Buffer.from("us@er:p:ss").toString("base64")}`);
  });

  it("gives up on a server that does not answer in time", async () => {
    expect(await ask(() => undefined, ["/a"], 50)).toEqual({ ready: false, answer: "no answer in 0.05 s" });
  });

  it("tells why there is no connection, without credentials", async () => {
    const probes = ["http://user:secret@127.0.0.1:1/a"];
    const answer = await createRepositories().ask({ label: "r", probes }, forever);
    expect(answer).toMatchObject({ ready: false });
    expect(answer.answer).not.toContain("secret");
    expect(answer.answer).not.toBe("");
  });

  it("stops with the signal's reason", async () => {
    const reason = new Error("cancelled");
    const asking = createRepositories().ask(
      { label: "r", probes: ["http://127.0.0.1:1/"] },
      AbortSignal.abort(reason),
    );
    await expect(asking).rejects.toBe(reason);
  });
});
