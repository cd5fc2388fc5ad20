import { gzipSync } from "node:zlib";
import * as v from "valibot";
import { CALLER_HEADER, CALLER_ROLE_HEADER } from "../config/function.ts";
import { problemOf, problemResponse } from "../http/problem.ts";

/** What a function URL or an HTTP API hands to a function: payload format 2.0. */
const Event = v.object({
  rawPath: v.string(),
  rawQueryString: v.optional(v.string(), ""),
  cookies: v.optional(v.array(v.string())),
  headers: v.record(v.string(), v.string()),
  body: v.nullish(v.string()),
  isBase64Encoded: v.optional(v.boolean(), false),
  requestContext: v.object({
    domainName: v.optional(v.string(), "localhost"),
    http: v.object({ method: v.string() }),
    authorizer: v.optional(v.object({ iam: v.optional(v.object({ userArn: v.string() })) })),
  }),
});
type Event = v.InferOutput<typeof Event>;

/** What a function hands back. */
export interface LambdaResult {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

/**
 * The request of an event. Who is calling is told by AWS alone, in headers that nobody can send: `admins` are the names
 * of roles and users of IAM that are administrators, everybody else whom AWS lets in reads.
 * @throws TypeError for what is no request
 */
export function requestOf(given: unknown, admins: readonly string[]): Request {
  const event = v.parse(Event, given);
  const { rawPath, rawQueryString, requestContext } = event;
  const query = rawQueryString === "" ? "" : `?${rawQueryString}`;
  const { method } = requestContext.http;
  const bytes = ["GET", "HEAD"].includes(method) ? undefined : bodyOf(event);
  const headers = headersOf(event, admins);
  if (bytes !== undefined) headers.set("content-length", String(bytes.length));
  return new Request(`https://${requestContext.domainName}${rawPath}${query}`, {
    method,
    headers,
    ...(bytes === undefined ? {} : { body: bytes }),
  });
}

function bodyOf({ body, isBase64Encoded }: Event): Uint8Array<ArrayBuffer> | undefined {
  return typeof body === "string"
    ? Uint8Array.from(Buffer.from(body, isBase64Encoded ? "base64" : "utf8"))
    : undefined;
}

function headersOf({ headers, cookies, requestContext }: Event, admins: readonly string[]): Headers {
  const all = new Headers(headers);
  if (cookies !== undefined) all.set("cookie", cookies.join("; "));
  all.delete(CALLER_HEADER);
  all.delete(CALLER_ROLE_HEADER);
  const arn = requestContext.authorizer?.iam?.userArn;
  if (arn === undefined) return all;
  all.set(CALLER_HEADER, arn);
  all.set(CALLER_ROLE_HEADER, admins.includes(nameOf(arn)) ? "admin" : "reader");
  return all;
}

/** `arn:aws:sts::123456789012:assumed-role/<name>/<session>` or `arn:aws:iam::123456789012:user/<path>/<name>`. */
function nameOf(arn: string): string {
  const [, kind, rest = ""] = /^[^/]*:([\w-]+)\/(.+)$/u.exec(arn) ?? [];
  const parts = rest.split("/");
  return (kind === "assumed-role" ? parts[0] : parts.at(-1)) ?? "";
}

/** What `fetch` answers to an event, or 400 to one that is no request that HTTP knows. */
export async function answerEvent(
  event: unknown,
  admins: readonly string[],
  fetch: (request: Request) => Response | Promise<Response>,
): Promise<LambdaResult> {
  let request: Request;
  try {
    request = requestOf(event, admins);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const refusal = problemResponse(problemOf(400, "The request cannot be read."));
    return result(refusal, Buffer.from(await refusal.arrayBuffer()), false);
  }
  return await resultOf(request, await fetch(request));
}

/** AWS takes 6 MB for the result as JSON, in which a body of JSON grows by its quotes. */
const MOST_BYTES = 4_500_000;
/** Less is not worth the time. */
const COMPRESSED_FROM = 65_536;

/** The result of an answer; large ones are compressed where whoever asked takes that. */
export async function resultOf(request: Request, response: Response): Promise<LambdaResult> {
  const bytes = Buffer.from(await response.arrayBuffer());
  const type = response.headers.get("content-type") ?? "";
  const isJson = /[/+]json/u.test(type);
  if (isJson && bytes.length > COMPRESSED_FROM && takesGzip(request)) {
    response.headers.set("content-encoding", "gzip");
    response.headers.append("vary", "accept-encoding");
    return result(response, gzipSync(bytes), true);
  }
  if (bytes.length <= MOST_BYTES) return result(response, bytes, !isJson);
  const detail = `The answer has ${bytes.length} bytes, more than a function may send: ask with Accept-Encoding: gzip.`;
  return await resultOf(request, problemResponse(problemOf(503, detail)));
}

const takesGzip = ({ headers }: Request) => /\bgzip\b/u.test(headers.get("accept-encoding") ?? "");

function result({ status, headers }: Response, bytes: Buffer, isBase64Encoded: boolean): LambdaResult {
  const cookies = headers.getSetCookie();
  const rest = [...headers].filter(([name]) => name !== "set-cookie");
  return {
    statusCode: status,
    headers: Object.fromEntries(rest),
    ...(cookies.length === 0 ? {} : { cookies }),
    body: bytes.toString(isBase64Encoded ? "base64" : "utf8"),
    isBase64Encoded,
  };
}
