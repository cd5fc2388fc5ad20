import {
  Agent,
  createServer,
  request as requestHttp,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { request as requestHttps } from "node:https";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { TunnelTargets } from "./config.ts";

/** The part of the service that agents need. With it alone the tunnel gives nobody on a node more than a token does. */
const FOR_AGENTS = /^\/(?:agent|signed|signed-parts)\//u;
/** Concern one connection, not what is passed on. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
const CONNECT_MS = 10_000;
/** Of silence; a store may take its time to put an upload together. */
const SILENCE_MS = 600_000;

/**
 * The service's end of the tunnel from a node: a proxy for the service and the store, and for nothing else. What comes
 * without a host is for the service. Connections are given to it, it listens nowhere.
 */
export function createTunnelServer(targets: TunnelTargets): { take(stream: Duplex): void; close(): void } {
  const agent = new Agent({ keepAlive: true });
  const server = createServer((request, response) => {
    const target = targetOf(request.url ?? "", targets);
    if (target === undefined) return refuse(request, response, 403);
    passOn(request, response, target, agent).catch(() => response.destroy());
  });
  server.requestTimeout = 0;
  server.headersTimeout = 60_000;
  server.timeout = SILENCE_MS;
  server.on("connect", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const [host = "", port = "443"] = hostAndPort(request.url ?? "");
    if (!isAllowed(host, Number(port), targets)) return void stream.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    join(host, Number(port), stream, head);
  });
  // Whatever an agent sends that is no HTTP ends its own connection only.
  server.on("clientError", (_error, stream) => stream.destroy());
  return {
    take: (stream) => {
      stream.on("error", () => stream.destroy());
      server.emit("connection", stream);
    },
    close: () => {
      agent.destroy();
      server.closeAllConnections();
    },
  };
}

/** Where a request is to go; `undefined`: nowhere. */
export function targetOf(url: string, targets: TunnelTargets): URL | undefined {
  const service = new URL(targets.serviceUrl());
  const base = service.pathname.replace(/\/$/u, "");
  const target = url.startsWith("/") ? asUrl(`${service.origin}${base}${url}`) : asUrl(url);
  if (target === undefined || !["http:", "https:"].includes(target.protocol)) return undefined;
  if (target.origin !== service.origin) return isStore(target, targets) ? target : undefined;
  return target.pathname.startsWith(base) && FOR_AGENTS.test(target.pathname.slice(base.length))
    ? target
    : undefined;
}

function asUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function portOf({ port, protocol }: URL): number {
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}

function isStore(url: URL, { stores }: TunnelTargets): boolean {
  return stores.some((store) => matches(store, url.hostname, portOf(url)));
}

/** For TLS, which nobody looks into: a service that is reached by https asks its callers by itself. */
function isAllowed(host: string, port: number, targets: TunnelTargets): boolean {
  const service = new URL(targets.serviceUrl());
  if (service.protocol === "https:" && host === service.hostname && port === portOf(service)) return true;
  return targets.stores.some((store) => matches(store, host, port));
}

function matches(store: TunnelTargets["stores"][number], host: string, port: number): boolean {
  if (store.port !== port) return false;
  if (!store.host.startsWith("*.")) return store.host === host;
  const dot = host.indexOf(".");
  return dot > 0 && host.slice(dot) === store.host.slice(1);
}

function hostAndPort(authority: string): readonly string[] {
  const url = asUrl(`http://${authority}`);
  return url === undefined ? [] : [url.hostname, url.port === "" ? "80" : url.port];
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number): void {
  request.resume();
  response.writeHead(status, { "content-length": "0", connection: "close" }).end();
}

async function passOn(
  request: IncomingMessage,
  response: ServerResponse,
  target: URL,
  agent: Agent,
): Promise<void> {
  const headers = Object.fromEntries(
    Object.entries({ ...request.headers, host: target.host }).filter(([name]) => !HOP_BY_HOP.has(name)),
  );
  const options = { method: request.method ?? "GET", headers };
  const outgoing =
    target.protocol === "https:" ? requestHttps(target, options) : requestHttp(target, { ...options, agent });
  outgoing.setTimeout(SILENCE_MS, () => outgoing.destroy());
  response.on("close", () => outgoing.destroy());
  outgoing.on("error", () => {
    if (!response.headersSent) refuse(request, response, 502);
    else response.destroy();
  });
  outgoing.on("response", (answer) => {
    const kept = Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name));
    response.writeHead(answer.statusCode ?? 502, Object.fromEntries(kept));
    pipeline(answer, response).catch(() => response.destroy());
  });
  await pipeline(request, outgoing);
}

function join(host: string, port: number, stream: Duplex, head: Buffer): void {
  const socket = connect({ host, port, timeout: CONNECT_MS });
  const end = () => {
    socket.destroy();
    stream.destroy();
  };
  socket.on("error", end);
  stream.on("error", end);
  socket.on("timeout", end);
  socket.on("connect", () => {
    socket.setTimeout(SILENCE_MS);
    stream.write("HTTP/1.1 200 Connection established\r\n\r\n");
    if (head.length > 0) socket.write(head);
    pipeline(socket, stream).catch(end);
    pipeline(stream, socket).catch(end);
  });
}
