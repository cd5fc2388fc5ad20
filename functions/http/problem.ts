import { DomainError, type ErrorCode, type FieldErrors } from "../../core/errors.ts";

const STATUS: Record<ErrorCode, number> = {
  "bad-request": 400,
  unauthenticated: 401,
  forbidden: 403,
  "not-found": 404,
  conflict: 409,
  gone: 410,
  "too-large": 413,
  "unsupported-media-type": 415,
  "range-not-satisfiable": 416,
  invalid: 422,
  // Only after ten seconds of losing every race: the caller may well succeed a moment later.
  "lost-race": 503,
  unavailable: 503,
  "storage-full": 507,
};

/** Every status that a problem may have. */
export const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  410: "Gone",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  422: "Unprocessable Content",
  500: "Internal Server Error",
  503: "Service Unavailable",
  507: "Insufficient Storage",
};

export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly errors?: FieldErrors;
  /** Only with 500: what to look for in the service's log. */
  readonly request_id?: string;
}

export function problemOf(status: number, detail?: string, errors?: FieldErrors): Problem {
  const title = TITLES[status] ?? "Error";
  return {
    title,
    status,
    ...(detail === undefined ? {} : { detail }),
    ...(errors === undefined ? {} : { errors }),
  };
}

/** RFC 9457: what the caller may know of an error. Anything unforeseen tells its request id and nothing else. */
export function problemFor(error: unknown, requestId: string): Problem {
  if (error instanceof DomainError) return problemOf(STATUS[error.code], error.message, error.fields);
  return { ...problemOf(500), request_id: requestId };
}

export function problemResponse(problem: Problem, headers: Record<string, string> = {}): Response {
  const retry: Record<string, string> = problem.status === 503 ? { "retry-after": "1" } : {};
  const challenge: Record<string, string> = problem.status === 401 ? { "www-authenticate": "Bearer" } : {};
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { "content-type": "application/problem+json", ...retry, ...challenge, ...headers },
  });
}
