import type { Context } from "hono";
import type { Telemetry } from "../../core/ports/telemetry.ts";
import { problemFor, problemResponse } from "./problem.ts";

/** What is found out about a request while it is answered, for the log. */
export interface Sighting {
  readonly requestId: string;
  who?: string;
  operation?: string;
  record?: string;
}

export interface Observer {
  readonly telemetry: Telemetry;
  /** Milliseconds since the epoch, and a fresh id for a request that brings none. */
  readonly now: () => number;
  readonly newId: () => string;
}

const REQUEST_ID = /^[\w.-]{1,64}$/u;

/**
 * Gives the request an id, answers what is thrown as a problem, and writes the request's one line into the log: no query,
 * no header, no body.
 */
export async function observed(
  c: Context,
  observer: Observer,
  answer: (sighting: Sighting) => Promise<Response> | Response,
): Promise<Response> {
  const sent = c.req.raw.headers.get("x-request-id");
  const requestId = sent !== null && REQUEST_ID.test(sent) ? sent : observer.newId();
  const sighting: Sighting = { requestId };
  const began = observer.now();
  let response;
  try {
    response = await answer(sighting);
  } catch (error) {
    response = answerError(observer.telemetry, sighting, error);
  }
  const { who, operation } = sighting;
  const { method } = c.req.raw;
  const { status } = response;
  observer.telemetry.emit({
    event: "request",
    level: "info",
    request_id: requestId,
    method,
    path: loggablePath(c.req.path),
    operation,
    status,
    ms: observer.now() - began,
    who,
  });
  audit(observer.telemetry, sighting, method, status);
  return response;
}

function answerError(telemetry: Telemetry, sighting: Sighting, error: unknown): Response {
  const { requestId } = sighting;
  const problem = problemFor(error, requestId);
  if (problem.status >= 500) tellCause(telemetry, requestId, error);
  return withRequestId(problemResponse(problem), sighting);
}

export function withRequestId(response: Response, { requestId }: Sighting): Response {
  response.headers.set("x-request-id", requestId);
  return response;
}

/** Who changed, or tried to change, which record. What agents do is their job's affair. */
function audit(telemetry: Telemetry, sighting: Sighting, method: string, status: number): void {
  const { requestId, who = "unknown", operation, record } = sighting;
  if (operation === undefined || ["GET", "HEAD", "OPTIONS"].includes(method) || who.startsWith("agent:"))
    return;
  telemetry.emit({
    event: "audit",
    level: "info",
    request_id: requestId,
    who,
    operation,
    record,
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
