import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import * as v from "valibot";
import { AgentFailure, AgentFinish, AgentReport } from "../../core/jobs/agent-messages.ts";
import type { Plan } from "../../core/jobs/plan.ts";

/** What an agent has asked: method and path below its job, without the query. */
type Asked = `${"GET" | "POST"} ${string}`;

/**
 * The agent's side of the service, for one job, over real HTTP. It can be stopped and started again on the same port,
 * and told to answer differently.
 */
export interface StubService {
  readonly url: string;
  readonly asked: readonly Asked[];
  readonly reports: readonly AgentReport[];
  readonly log: () => string;
  /** How often a byte of the log was sent again. */
  readonly repeated: () => number;
  readonly finished: () => AgentFinish | undefined;
  readonly failed: () => AgentFailure | undefined;
  /** Serves these bytes as `/files/recipe.tar.gz`. */
  readonly offer: (file: Uint8Array) => void;
  /** Forgets what it knows of the log, from this byte on. */
  readonly forgetLog: (size: number) => void;
  /** Called before each request is answered: a status instead of the answer, or time to wait. */
  readonly intercept: (handler: (asked: Asked) => number | Promise<number | undefined> | undefined) => void;
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
}

export const TOKEN = "stub-token-0123456789";

interface State {
  readonly asked: Asked[];
  readonly reports: AgentReport[];
  log: Buffer;
  repeated: number;
  finished: AgentFinish | undefined;
  failed: AgentFailure | undefined;
}

interface Reply {
  readonly status: number;
  readonly body?: unknown;
}

const gone: Reply = { status: 410, body: { detail: "This job no longer needs its agent." } };

function appendLog(state: State, offset: number, bytes: Buffer): Reply {
  if (offset > state.log.length) return { status: 409, body: { detail: "There is a gap." } };
  const fresh = bytes.subarray(state.log.length - offset);
  state.repeated += bytes.length - fresh.length;
  state.log = Buffer.concat([state.log, fresh]);
  return { status: 200, body: { size: state.log.length } };
}

/** What the service does with each request, its body read. */
const routes: Partial<Record<Asked, (state: State, plan: Plan, body: string, url: URL) => Reply>> = {
  "GET /plan": (_, plan) => ({ status: 200, body: plan }),
  "GET /log/size": (state) => ({ status: 200, body: { size: state.log.length } }),
  "POST /log": (state, _, body, url) =>
    appendLog(state, Number(url.searchParams.get("offset")), Buffer.from(body)),
  "POST /report": (state, _, body) => {
    state.reports.push(v.parse(AgentReport, JSON.parse(body)));
    return { status: 204 };
  },
  "POST /finish": (state, _, body) => {
    state.finished = v.parse(AgentFinish, JSON.parse(body));
    return { status: 204 };
  },
  "POST /fail": (state, _, body) => {
    state.failed = v.parse(AgentFailure, JSON.parse(body));
    return { status: 204 };
  },
};

function uploadTarget(url: URL): Reply {
  const body = { method: "PUT", url: `${url.origin}/put`, expires_at: "2030-01-01T00:00:00.000Z" };
  return { status: 200, body };
}

async function reply(
  state: State,
  plan: Plan,
  asked: Asked,
  request: IncomingMessage,
  url: URL,
): Promise<Reply> {
  const over = state.finished !== undefined || state.failed !== undefined;
  const body = await text(request);
  if (over && !asked.includes("/log")) return gone;
  if (asked.startsWith("POST /artifacts/")) return uploadTarget(url);
  return routes[asked]?.(state, plan, body, url) ?? { status: 404 };
}

function answer(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(body === undefined ? "" : JSON.stringify(body));
}

export async function startStubService(planFor: Plan | ((url: string) => Plan)): Promise<StubService> {
  const state: State = {
    asked: [],
    reports: [],
    log: Buffer.alloc(0),
    repeated: 0,
    finished: undefined,
    failed: undefined,
  };
  let interceptor: Parameters<StubService["intercept"]>[0] = () => undefined;
  let port = 0;
  let server: Server | undefined;
  const files = new Map<string, Uint8Array>();
  const urlNow = (): string => `http://127.0.0.1:${port}`;

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "", urlNow());
    const file = files.get(url.pathname);
    if (file !== undefined) return void response.end(file);
    const path = url.pathname.slice(prefix.length);
    const asked: Asked = `${request.method === "GET" ? "GET" : "POST"} ${path}`;
    state.asked.push(asked);
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return answer(response, { status: 401 });
    const instead = await interceptor(asked);
    if (instead !== undefined) return answer(response, { status: instead });
    answer(response, await reply(state, plan, asked, request, url));
  };

  const start = async (): Promise<void> => {
    server = createServer((request, response) => {
      serve(request, response).catch((error: unknown) => {
        answer(response, { status: 422, body: { detail: String(error) } });
      });
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const address: AddressInfo | string | null = server.address();
    if (address !== null && typeof address === "object") port = address.port;
  };

  const stop = async (): Promise<void> => {
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
    server = undefined;
  };

  await start();
  const plan = typeof planFor === "function" ? planFor(urlNow()) : planFor;
  const prefix = `/agent/jobs/${plan.job_id}`;
  return {
    url: urlNow(),
    asked: state.asked,
    reports: state.reports,
    log: () => state.log.toString("utf8"),
    repeated: () => state.repeated,
    finished: () => state.finished,
    failed: () => state.failed,
    offer: (file) => {
      files.set("/files/recipe.tar.gz", file);
    },
    forgetLog: (size) => {
      state.log = state.log.subarray(0, size);
    },
    intercept: (handler) => {
      interceptor = handler;
    },
    start,
    stop,
  };
}
