import { isDomainError } from "../../core/errors.ts";
import { requestedRange } from "./byte-range.ts";
import type { ByteRange } from "../../core/ports/artifacts.ts";
import type { Download } from "./endpoint.ts";
import { streamResponse } from "./stream.ts";
import { problemOf, problemResponse } from "./problem.ts";

/** Whether `If-None-Match` names this entity tag (RFC 9110, 13.1.2: weak comparison). */
export function matches(header: string | undefined | null, etag: string): boolean {
  if (header === undefined || header === null) return false;
  const tags = header.split(",").map((tag) => tag.trim().replace(/^W\//u, ""));
  return tags.includes("*") || tags.includes(`"${etag}"`);
}

/** Answers bytes: whole (200), a range (206), nothing new (304) or a range outside (416). */
export async function downloadResponse(request: Request, download: Download): Promise<Response> {
  const { etag, size } = download;
  const headers = headersOf(download);
  if (etag !== undefined && matches(request.headers.get("if-none-match"), etag))
    return new Response(null, { status: 304, headers });
  try {
    const range = rangeStillValid(request, etag)
      ? requestedRange(request.headers.get("range"), size)
      : undefined;
    return await contentResponse(request, download, headers, range);
  } catch (error) {
    if (!isDomainError(error, "range-not-satisfiable")) throw error;
    return problemResponse(problemOf(416, error.message), { "content-range": `bytes */${size}` });
  }
}

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
  headers.set("content-length", String(range === undefined ? size : range.end - range.start + 1));
  const status = range === undefined ? 200 : 206;
  if (request.method === "HEAD") return new Response(null, { status, headers });
  return streamResponse(await download.read(range), { status, headers });
}

/** With `If-Range` a range is only good for the very content the client has begun with. */
function rangeStillValid(request: Request, etag: string | undefined): boolean {
  const condition = request.headers.get("if-range");
  return condition === null || condition === `"${etag}"`;
}
