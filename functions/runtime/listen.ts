import type { AddressInfo } from "node:net";
import { type Http2Bindings, type HttpBindings, serve, type ServerType } from "@hono/node-server";
import type { Hono } from "hono";
import type { Telemetry } from "../../core/ports/telemetry.ts";
import { sendDirectly } from "./outgoing.ts";

/** Requests under way at a stop get so long to finish. */
const DRAIN_MS = 10_000;
const IDLE_MS = 50;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Listener {
  readonly info: AddressInfo;
  /** Takes no more requests, and resolves when those under way are answered or cut off. */
  stop(): Promise<void>;
}

/** It cannot listen where it should; the message says what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** Serves an app at an address. @throws {@link ListenError} */
export function listenAt(app: Hono, { host, port }: Address, telemetry: Telemetry): Promise<Listener> {
  const fetch = async (request: Request, env: HttpBindings | Http2Bindings) => {
    const response = await app.fetch(request, env);
    return sendDirectly(response, env, telemetry);
  };
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, hostname: host, port, autoCleanupIncoming: false }, (info) =>
      resolve({ info, stop: () => drain(server, telemetry) }),
    );
    tune(server);
    server.on("error", (error: NodeJS.ErrnoException) => reject(listenError(error, { host, port })));
  });
}

export function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

/** Agents of this machine reach a service that listens everywhere by loopback. */
export function agentUrlOf(info: AddressInfo): string {
  if (info.address === "0.0.0.0") return urlOf({ ...info, address: "127.0.0.1" });
  return info.address === "::" ? urlOf({ ...info, address: "::1" }) : urlOf(info);
}

/** An upload may take hours; a client that never finishes its headers may not. */
function tune(server: ServerType): void {
  if (!("requestTimeout" in server)) return;
  server.requestTimeout = 0;
  server.headersTimeout = 60_000;
  server.keepAliveTimeout = 65_000;
}

async function drain(server: ServerType, telemetry: Telemetry): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  if (!("closeIdleConnections" in server)) return await closed;
  server.closeIdleConnections();
  // Connections on which a request was under way stay open when it is done: clients like to use them again.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_MS);
  const late = setTimeout(() => {
    telemetry.emit({ event: "requests-cut-off", level: "warn", seconds: DRAIN_MS / 1000 });
    server.closeAllConnections();
  }, DRAIN_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(late);
}

function listenError(error: NodeJS.ErrnoException, address: Address): ListenError {
  return new ListenError(listenProblem(error, address), { cause: error });
}

function listenProblem(error: NodeJS.ErrnoException, { host, port }: Address): string {
  if (error.code === "EADDRINUSE")
    return `Port ${port} of ${host} is taken. Stop what listens there, or choose another (IMS_PORT, or IMS_AGENT_PORT for agents).`;
  if (error.code === "EACCES")
    return `Port ${port} may not be used by this user. Choose one above 1023 (IMS_PORT, or IMS_AGENT_PORT for agents).`;
  return `IMS cannot listen on ${host}:${port}: ${error.message}`;
}
