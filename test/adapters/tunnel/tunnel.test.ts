import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import http, { createServer, type RequestListener } from "node:http";
import { createServer as createNetServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { createTunnelServer } from "../../../adapters/job-runner/ssh/tunnel-server.ts";
import { openAgentEnd } from "../../../adapters/tunnel/agent-end.ts";

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

const serve = (listener: RequestListener): Promise<number> => listening(createServer(listener));

const echo: RequestListener = (request, response) => {
  const heard = `${request.method} ${request.headers.host} ${request.url} ${String(request.headers["x-mine"])}`;
  request.on("data", (chunk) => response.write(chunk));
  request.on("end", () => response.end(`|${heard}`));
};

/** Both ends, with a socket file in between as sshd puts one onto a node. */
async function tunnelled(stores: number[] = []) {
  const service = await serve(echo);
  const tunnel = createTunnelServer({
    serviceUrl: () => `http://127.0.0.1:${service}/apis/ims`,
    stores: stores.map((port) => ({ host: "127.0.0.1", port })),
  });
  const folder = await mkdtemp(join(tmpdir(), "tunnel-"));
  const socketFile = join(folder, "service.sock");
  const server = createNetServer((stream) => tunnel.take(stream));
  await new Promise<void>((resolve) => server.listen(socketFile, () => resolve()));
  const end = await openAgentEnd(socketFile);
  onTestFinished(async () => {
    end.close();
    tunnel.close();
    server.close();
    await rm(folder, { recursive: true });
  });
  return { end, service };
}

async function ask(url: string, body?: Buffer): Promise<{ status: number; text: string }> {
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request(url, {
      method: body === undefined ? "GET" : "PUT",
      headers: { "x-mine": "1" },
    });
    request.on("response", resolve).on("error", reject).end(body);
  });
  return { status: answer.statusCode ?? 0, text: (await buffer(answer)).toString("latin1") };
}

describe("the tunnel from a node", () => {
  it("leads what is asked of the agent's end to the service, below its own path", async () => {
    const { end, service } = await tunnelled();
    const answer = await fetch(`${end.serviceUrl}/agent/jobs/1/plan?x=%2F`, { headers: { "x-mine": "2" } });
    expect(await answer.text()).toBe(`|GET 127.0.0.1:${service} /apis/ims/agent/jobs/1/plan?x=%2F 2`);
  });

  it("leads signed URLs to the service and to the store, with their host and query as they were signed", async () => {
    const store = await serve(echo);
    const { service } = await tunnelled([store]);
    const signed = `http://127.0.0.1:${store}/boot-images/a%20b?X-Amz-Signature=a%2Bb`;
    const sent = randomBytes(3_000_000);
    expect(await ask(signed, sent)).toEqual({
      status: 200,
      text: `${sent.toString("latin1")}|PUT 127.0.0.1:${store} /boot-images/a%20b?X-Amz-Signature=a%2Bb 1`,
    });
    expect((await ask(`http://127.0.0.1:${service}/apis/ims/signed/ims/k?s=1`)).text).toContain(
      "/signed/ims/k?s=1",
    );
  });

  it("leads nowhere else: not to the rest of the service, nor to other hosts", async () => {
    const other = await serve(echo);
    const { end, service } = await tunnelled();
    const all = [
      `${end.serviceUrl}/v3/jobs`,
      `${end.serviceUrl}/agent/../v3/jobs`,
      `${end.serviceUrl}/agent/%2e%2e/v3/jobs`,
      `${end.serviceUrl}/agentx/`,
    ];
    for (const url of all) expect([url, (await fetch(url)).status]).toEqual([url, 403]);
    expect((await ask(`http://127.0.0.1:${service}/agent/jobs/1`)).status).toBe(403);
    expect((await ask(`http://127.0.0.1:${service}/apis/ims/v3/jobs`)).status).toBe(403);
    expect((await ask(`http://127.0.0.1:${other}/agent/`)).status).toBe(403);
  });

  it("passes on TLS to the store alone, which it does not look into", async () => {
    const store = await listening(createNetServer((socket) => socket.end("bytes of a handshake")));
    const other = await listening(createNetServer((socket) => socket.end("no")));
    const { end } = await tunnelled([store]);
    expect(await connectBy(end.serviceUrl, `127.0.0.1:${store}`)).toEqual([200, "bytes of a handshake"]);
    expect(await connectBy(end.serviceUrl, `127.0.0.1:${other}`)).toEqual([403, ""]);
    expect(await connectBy(end.serviceUrl, "nonsense")).toEqual([403, ""]);
  });

  it("says that there is no answer while the service is away, and goes on once it is back", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tunnel-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const socketFile = join(folder, "service.sock");
    const end = await openAgentEnd(socketFile);
    onTestFinished(() => end.close());
    await expect(fetch(`${end.serviceUrl}/agent/x`)).rejects.toThrow("fetch failed");
    const service = await serve(echo);
    const tunnel = createTunnelServer({ serviceUrl: () => `http://127.0.0.1:${service}`, stores: [] });
    const server = createNetServer((stream) => tunnel.take(stream));
    await new Promise<void>((resolve) => server.listen(socketFile, () => resolve()));
    onTestFinished(() => {
      tunnel.close();
      server.close();
    });
    expect((await fetch(`${end.serviceUrl}/agent/x`)).status).toBe(200);
  });
});

async function connectBy(proxy: string, target: string): Promise<[number, string]> {
  const { promise, resolve, reject } = Promise.withResolvers<[number, string]>();
  const request = http.request(proxy, { method: "CONNECT", path: target, agent: false });
  request.on("connect", (answer, socket, head) => {
    if (answer.statusCode !== 200) return resolve([answer.statusCode ?? 0, ""]);
    buffer(socket).then((rest) => resolve([200, Buffer.concat([head, rest]).toString()]), reject);
  });
  request.on("error", reject).end();
  return await promise;
}
