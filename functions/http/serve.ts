import { type Context, Hono } from "hono";
import { createHash } from "node:crypto";
import * as v from "valibot";
import type { Ims } from "../../core/ims.ts";
import { DomainError } from "../../core/errors.ts";
import type { Telemetry } from "../../core/ports/telemetry.ts";
import { type Authenticator, authorize, bearerToken } from "./auth.ts";
import { expectationOf } from "./digest-headers.ts";
import { downloadResponse, matches } from "./download.ts";
import {
  type Download,
  type Endpoint,
  type EventStream,
  pathsOf,
  PREFIXES,
  type Services,
  type Upload,
} from "./endpoint.ts";
import { eventStreamResponse } from "./event-stream.ts";
import { fieldErrors } from "./field-errors.ts";
import { readJsonBody } from "./json-body.ts";
import { problemFor, problemOf, problemResponse } from "./problem.ts";

export interface ServeOptions {
  readonly ims: Ims;
  readonly services: Services;
  readonly authenticator: Authenticator;
  readonly telemetry: Telemetry;
  /** Milliseconds since the epoch, and a fresh id for a request that brings none. */
  readonly now: () => number;
  readonly newId: () => string;
  /** The request's bytes by a shorter way than the web stream, where the runtime has one. */
  readonly incoming?: (env: unknown) => AsyncIterable<Uint8Array> | undefined;
}

interface Env {
  readonly Variables: { requestId: string; who: string; operation: string; record: string };
}

type C = Context<Env>;

/** An app that serves these endpoints, each alone or all together. Static paths must come before `{id}` in the list. */
export function serve(endpoints: readonly Endpoint[], options: ServeOptions): Hono<Env> {
  const app = new Hono<Env>();
  app.use(async (c, next) => {
    await observed(c, options, next);
  });
  for (const prefix of PREFIXES)
    for (const endpoint of endpoints)
      for (const path of pathsOf(endpoint))
        app.on(endpoint.method.toUpperCase(), honoPath(prefix + path), (c) => handle(c, endpoint, options));
  app.notFound((c) => answerUnknown(c, endpoints));
  app.onError((error, c) => {
    const id = c.get("requestId");
    const problem = problemFor(error, id);
    if (problem.status >= 500) tellCause(options.telemetry, id, error);
    return problemResponse(problem);
  });
  return app;
}

/** `{name}` of OpenAPI to `:name` of Hono; `{name*}` takes the rest of the path. */
function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\*\}/gu, ":$1{.+}").replaceAll(/\{(\w+)\}/gu, ":$1");
}

function pathPattern(path: string): RegExp {
  const source = path.replaceAll(/\{\w+\*\}/gu, ".+").replaceAll(/\{\w+\}/gu, "[^/]+");
  return new RegExp(`^(?:/apis/ims)?${source}$`, "u");
}

async function handle(c: C, endpoint: Endpoint, options: ServeOptions): Promise<Response> {
  c.set("operation", endpoint.operation);
  const request = c.req.raw;
  const params = c.req.param();
  c.set("record", Object.values(params).join("/"));
  const agent = await authenticated(c, endpoint, options, params);
  const { ims, services } = options;
  await endpoint.exists?.({ ims, params });
  const query = parseQuery(endpoint, c.req.queries());
  const body = endpoint.body === undefined ? undefined : await readJsonBody(request, endpoint.body);
  const upload = uploadOf(c, options);
  const headers: Record<string, string> = {};
  const header = (name: string, value: string) => void (headers[name] = value);
  const lastEventId = request.headers.get("last-event-id") ?? undefined;
  const answer = await endpoint.run({
    ims,
    services,
    params,
    query,
    body,
    upload,
    lastEventId,
    agent,
    header,
  });
  if (isEventStream(endpoint, answer)) return eventStreamResponse(request, answer);
  if (isDownload(endpoint, answer)) return await downloadResponse(request, answer);
  if (endpoint.status === 201) c.set("record", idOf(answer));
  if (endpoint.status === 204) return new Response(null, { status: 204 });
  return jsonResponse(request, endpoint, answer, headers);
}

/** Authentication comes before everything else, also before finding out whether a thing exists. */
async function authenticated(
  c: C,
  endpoint: Endpoint,
  options: ServeOptions,
  params: Record<string, string>,
) {
  const nobody = { jobId: "", attempt: 0 };
  if (endpoint.role === "anyone") return nobody;
  if (endpoint.role === "agent") {
    const agent = options.ims.authenticateAgent(params["job_id"] ?? "", bearerToken(c.req.raw));
    c.set("who", `agent:${agent.jobId}`);
    return agent;
  }
  const principal = await options.authenticator.authenticate(c.req.raw);
  c.set("who", principal.name);
  authorize(principal, endpoint.role);
  return nobody;
}

function parseQuery(endpoint: Endpoint, queries: Record<string, string[]>): unknown {
  if (endpoint.query === undefined) return undefined;
  const result = v.safeParse(endpoint.query, queries);
  if (result.success) return result.output;
  throw new DomainError("bad-request", "The query is not valid.", { fields: fieldErrors(result.issues) });
}

/** Evaluated only when an endpoint looks at it: taking the bytes makes them unreadable for everybody else. */
function uploadOf(c: C, options: ServeOptions): Upload {
  const { headers } = c.req.raw;
  return {
    get bytes() {
      return options.incoming?.(c.env) ?? c.req.raw.body ?? emptySource();
    },
    get expect() {
      return expectationOf(headers);
    },
    get metadata() {
      return Object.fromEntries(
        [...headers].flatMap(([name, value]) =>
          name.startsWith("x-amz-meta-") ? [[name.slice("x-amz-meta-".length), value]] : [],
        ),
      );
    },
    contentType: headers.get("content-type") ?? undefined,
  };
}

async function* emptySource(): AsyncIterable<Uint8Array> {}

function isDownload(endpoint: Endpoint, _answer: unknown): _answer is Download {
  return endpoint.answersBytes !== undefined;
}

function isEventStream(endpoint: Endpoint, answer: unknown): answer is EventStream {
  return (
    endpoint.answersEvents !== undefined &&
    typeof answer === "object" &&
    answer !== null &&
    "events" in answer
  );
}

/** Which record a creation made, for the audit. */
function idOf(answer: unknown): string {
  const parsed = v.safeParse(
    v.union([v.object({ id: v.string() }), v.object({ xname: v.string() })]),
    answer,
  );
  return parsed.success ? (Object.values(parsed.output)[0] ?? "") : "";
}

/** Every GET has an entity tag, so that polling clients need not be sent what they have. */
function jsonResponse(
  request: Request,
  endpoint: Endpoint,
  answer: unknown,
  more: Readonly<Record<string, string>>,
): Response {
  const text = JSON.stringify(answer);
  const headers: Record<string, string> = { ...more, "content-type": "application/json" };
  if (endpoint.method === "get") {
    const etag = createHash("sha1").update(text).digest("base64url");
    headers["etag"] = `"${etag}"`;
    if (matches(request.headers.get("if-none-match"), etag))
      return new Response(null, { status: 304, headers });
  }
  return new Response(text, { status: endpoint.status, headers });
}

function answerUnknown(c: C, endpoints: readonly Endpoint[]): Response {
  const { path, method } = c.req;
  const methods = endpoints
    .filter((endpoint) => pathsOf(endpoint).some((known) => pathPattern(known).test(path)))
    .map((e) => e.method.toUpperCase());
  if (methods.length === 0)
    return problemResponse(
      problemOf(404, "The requested URL was not found on the server. /openapi.json lists what there is."),
    );
  const allow = allowed(methods);
  if (method === "OPTIONS") return new Response(null, { status: 200, headers: { allow } });
  return problemResponse(problemOf(405, `This path does not know ${method}; it knows ${allow}.`), { allow });
}

function allowed(methods: readonly string[]): string {
  return [...new Set([...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"])].join(", ");
}

const REQUEST_ID = /^[\w.-]{1,64}$/u;

/** Gives the request an id and writes its one line into the log: no query, no header, no body. */
async function observed(c: C, options: ServeOptions, next: () => Promise<void>): Promise<void> {
  const sent = c.req.header("x-request-id") ?? "";
  const requestId = REQUEST_ID.test(sent) ? sent : options.newId();
  c.set("requestId", requestId);
  const began = options.now();
  await next();
  c.res.headers.set("x-request-id", requestId);
  options.telemetry.emit({
    event: "request",
    level: "info",
    request_id: requestId,
    method: c.req.method,
    path: loggablePath(c.req.path),
    operation: c.get("operation"),
    status: c.res.status,
    ms: options.now() - began,
    who: c.get("who"),
  });
  audit(c, options.telemetry);
}

/** Who changed, or tried to change, which record. What agents do is their job's affair. */
function audit(c: C, telemetry: Telemetry): void {
  const { method } = c.req;
  const who = c.get("who") ?? "unknown";
  const operation = c.get("operation");
  if (operation === undefined || ["GET", "HEAD", "OPTIONS"].includes(method) || who.startsWith("agent:"))
    return;
  const { status } = c.res;
  telemetry.emit({
    event: "audit",
    level: "info",
    request_id: c.get("requestId"),
    who,
    operation,
    record: c.get("record"),
    outcome: status < 400 ? "done" : "refused",
    status,
  });
}

function loggablePath(path: string): string {
  return path.length > 300 ? `${path.slice(0, 300)}…` : path;
}

function tellCause(telemetry: Telemetry, requestId: string, error: unknown): void {
  const stack = error instanceof Error ? error.stack : String(error);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.stack : undefined;
  telemetry.emit({ event: "request-failed", level: "error", request_id: requestId, reason: stack, cause });
}
