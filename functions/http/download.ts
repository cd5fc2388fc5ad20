import { isDomainError } from "../../core/errors.ts";
import { requestedRange } from "./byte-range.ts";
import type { ByteRange } from "../../core/ports/artifacts.ts";
import { type Carriage, redirection, toStream } from "./carriage.ts";
import type { Download } from "./endpoint.ts";
import { streamResponse } from "./stream.ts";
import { problemOf, problemResponse } from "./problem.ts";

/** Whether `If-None-Match` names this entity tag (RFC 9110, 13.1.2: weak comparison). */
export function matches(header: string | undefined | null, etag: string): boolean {
  if (header === undefined || header === null) return false;
  const tags = header.split(",").map((tag) => tag.trim().replace(/^W\//u, ""));
  return tags.includes("*") || tags.includes(`"${etag}"`);
}

/** Answers bytes: whole (200), a range (206), nothing new (304), where they are (307) or a range outside (416). */
export async function downloadResponse(
  request: Request,
  download: Download,
  carriage?: Carriage,
): Promise<Response> {
  const { etag, size } = download;
  const headers = headersOf(download);
  if (etag !== undefined && matches(request.headers.get("if-none-match"), etag))
    return new Response(null, { status: 304, headers });
  if (carriage !== undefined && download.elsewhere !== undefined && request.method !== "HEAD")
    return redirection(await download.elsewhere(), headers);
  try {
    const range = rangeStillValid(request, etag)
      ? requestedRange(request.headers.get("range"), size)
      : undefined;
    if (isTooLarge(request, bytesOf(download, range), carriage)) return toStream(request, carriage, ADVICE);
    return await contentResponse(request, download, headers, range);
  } catch (error) {
    if (!isDomainError(error, "range-not-satisfiable")) throw error;
    return problemResponse(problemOf(416, error.message), { "content-range": `bytes */${size}` });
  }
}

const ADVICE =
  "This is larger than what one answer holds here: ask for it by ranges (Range: bytes=…) of at most 1 MiB.";

function isTooLarge(
  { method }: Request,
  bytes: number,
  carriage: Carriage | undefined,
): carriage is Carriage {
  return method !== "HEAD" && bytes > (carriage?.maxAnswerBytes ?? Infinity);
}

const bytesOf = ({ size }: Download, range: ByteRange | undefined): number =>
  range === undefined ? size : range.end - range.start + 1;

function headersOf({ etag, contentType, headers }: Download): Headers {
  const all = new Headers({ "accept-ranges": "bytes", "content-type": contentType, ...headers });
  if (etag !== undefined) all.set("etag", `"${etag}"`);
  return all;
}

async function contentResponse(
  request: Request,
  download: Download,
  headers: Headers,
  range: ByteRange | undefined,
): Promise<Response> {
  const { size } = download;
  if (range !== undefined) headers.set("content-range", `bytes ${range.start}-${range.end}/${size}`);
  headers.set("content-length", String(bytesOf(download, range)));
  const status = range === undefined ? 200 : 206;
  if (request.method === "HEAD") return new Response(null, { status, headers });
  return streamResponse(await download.read(range), { status, headers });
}

/** With `If-Range` a range is only good for the very content the client has begun with. */
function rangeStillValid(request: Request, etag: string | undefined): boolean {
  const condition = request.headers.get("if-range");
  return condition === null || condition === `"${etag}"`;
}
