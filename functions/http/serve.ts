import { type Context, Hono } from "hono";
import * as v from "valibot";
import type { Principal } from "../../core/auth/tokens.ts";
import type { Ims } from "../../core/ims.ts";
import type { AgentIdentity } from "../../core/jobs/agent-tokens.ts";
import { DomainError } from "../../core/errors.ts";
import { type Authenticator, authorize, bearerToken } from "./auth.ts";
import { type Carriage, carried, refuseLarge, toStream } from "./carriage.ts";
import { expectationOf } from "./digest-headers.ts";
import { downloadResponse } from "./download.ts";
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
import { jsonResponse } from "./json-answer.ts";
import { readJsonBody } from "./json-body.ts";
import { type Observer, observed, type Sighting, withRequestId } from "./observe.ts";
import { problemOf, problemResponse } from "./problem.ts";
import { createRouter } from "./router.ts";

export interface ServeOptions extends Observer {
  readonly ims: Ims;
  readonly services: Services;
  readonly authenticator: Authenticator;
  /** The request's bytes by a shorter way than the web stream, where the runtime has one. */
  readonly incoming?: (env: unknown) => AsyncIterable<Uint8Array> | undefined;
  readonly carriage?: Carriage;
}

/** An app that serves these endpoints, each alone or all together. Static paths must come before `{id}` in the list. */
export function serve(endpoints: readonly Endpoint[], options: ServeOptions): Hono {
  const app = new Hono({ router: createRouter() });
  for (const prefix of PREFIXES)
    for (const endpoint of endpoints)
      for (const path of pathsOf(endpoint))
        app.on(endpoint.method.toUpperCase(), prefix + path, (c) =>
          observed(c, options, (sighting) => handle(c, endpoint, options, sighting)),
        );
  app.notFound((c) =>
    observed(c, options, (sighting) => withRequestId(answerUnknown(c, endpoints), sighting)),
  );
  return app;
}

function pathPattern(path: string): RegExp {
  const source = path.replaceAll(/\{\w+\*\}/gu, ".+").replaceAll(/\{\w+\}/gu, "[^/]+");
  return new RegExp(`^(?:/apis/ims)?${source}$`, "u");
}

async function handle(
  c: Context,
  endpoint: Endpoint,
  options: ServeOptions,
  sighting: Sighting,
): Promise<Response> {
  sighting.operation = endpoint.operation;
  const request = c.req.raw;
  const params = c.req.param();
  sighting.record = Object.values(params).join("/");
  const admitted = authenticated(request, endpoint, options, params, sighting);
  const agent = admitted instanceof Promise ? await admitted : admitted;
  const { ims, services } = options;
  if (endpoint.exists !== undefined) await endpoint.exists({ ims, params });
  const query = endpoint.query === undefined ? undefined : parseQuery(endpoint.query, c.req.queries());
  const body = endpoint.body === undefined ? undefined : await readJsonBody(request, endpoint.body);
  const upload = endpoint.takesBytes === undefined ? NOTHING : uploadOf(c, options);
  if (upload !== NOTHING) refuseLarge(request, options.carriage);
  const headers: Record<string, string> = { "x-request-id": sighting.requestId };
  const header = (name: string, value: string) => void (headers[name] = value);
  const lastEventId = endpoint.answersEvents === undefined ? undefined : lastEventIdOf(request);
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
  return respond(request, endpoint, answer, headers, sighting, options.carriage);
}

function respond(
  request: Request,
  endpoint: Endpoint,
  answer: unknown,
  headers: Record<string, string>,
  sighting: Sighting,
  carriage: Carriage | undefined,
): Response | Promise<Response> {
  if (isEventStream(endpoint, answer))
    return withRequestId(eventsResponse(request, answer, carriage), sighting);
  if (isDownload(endpoint, answer))
    return downloadResponse(request, answer, carriage).then((response) => withRequestId(response, sighting));
  if (endpoint.status === 201) sighting.record = idOf(answer);
  if (endpoint.status === 204) return new Response(null, { status: 204, headers });
  return jsonResponse(request, endpoint, answer, headers);
}

function eventsResponse(request: Request, answer: EventStream, carriage: Carriage | undefined): Response {
  if (carriage?.maxAnswerBytes === undefined) return eventStreamResponse(request, answer);
  return toStream(
    request,
    carriage,
    "Events are not sent from here: ask for what there is, without `follow`.",
  );
}

function lastEventIdOf({ headers }: Request): string | undefined {
  return headers.get("last-event-id") ?? undefined;
}

const NOBODY: AgentIdentity = { jobId: "", attempt: 0 };

/** Authentication comes before everything else, also before finding out whether a thing exists. */
function authenticated(
  request: Request,
  { role }: Endpoint,
  options: ServeOptions,
  params: Record<string, string>,
  sighting: Sighting,
): AgentIdentity | Promise<AgentIdentity> {
  if (role === "anyone") return NOBODY;
  if (role === "agent") {
    const agent = options.ims.authenticateAgent(params["job_id"] ?? "", bearerToken(request));
    sighting.who = `agent:${agent.jobId}`;
    return agent;
  }
  const admit = (principal: Principal): AgentIdentity => {
    sighting.who = principal.name;
    authorize(principal, role);
    return NOBODY;
  };
  const caller = options.carriage?.admits?.(request) ?? options.authenticator.authenticate(request);
  return caller instanceof Promise ? caller.then(admit) : admit(caller);
}

function parseQuery(schema: v.GenericSchema, queries: Record<string, string[]>): unknown {
  const result = v.safeParse(schema, queries);
  if (result.success) return result.output;
  throw new DomainError("bad-request", "The query is not valid.", { fields: fieldErrors(result.issues) });
}

async function* emptySource(): AsyncIterable<Uint8Array> {}

/** For the endpoints that take no bytes, one for all: an object with getters costs more than the rest of a request. */
const NOTHING: Upload = { bytes: emptySource(), expect: {}, metadata: {}, contentType: undefined };

/** Evaluated only when an endpoint looks at it: taking the bytes makes them unreadable for everybody else. */
function uploadOf(c: Context, options: ServeOptions): Upload {
  const request = c.req.raw;
  return {
    get bytes() {
      const bytes = options.incoming?.(c.env) ?? request.body ?? emptySource();
      return options.carriage === undefined ? bytes : carried(bytes, options.carriage);
    },
    get expect() {
      return expectationOf(request.headers);
    },
    get metadata() {
      return Object.fromEntries(
        [...request.headers].flatMap(([name, value]) =>
          name.startsWith("x-amz-meta-") ? [[name.slice("x-amz-meta-".length), value]] : [],
        ),
      );
    },
    get contentType() {
      return request.headers.get("content-type") ?? undefined;
    },
  };
}

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

const Named = v.union([v.object({ id: v.string() }), v.object({ xname: v.string() })]);

/** Which record a creation made, for the audit. */
function idOf(answer: unknown): string {
  const parsed = v.safeParse(Named, answer);
  return parsed.success ? (Object.values(parsed.output)[0] ?? "") : "";
}

function answerUnknown(c: Context, endpoints: readonly Endpoint[]): Response {
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
