import { createHash } from "node:crypto";
import { isReadyJson } from "../../core/json.ts";
import { matches } from "./download.ts";
import type { Endpoint } from "./endpoint.ts";
import { piecesResponse } from "./stream.ts";

/** Every GET has an entity tag, so that polling clients need not be sent what they have. */
export function jsonResponse(
  request: Request,
  { method, status }: Pick<Endpoint, "method" | "status">,
  answer: unknown,
  headers: Record<string, string>,
): Response {
  headers["content-type"] = "application/json";
  const { content, tag } = isReadyJson(answer) ? answer : { content: JSON.stringify(answer), tag: undefined };
  if (method === "get") {
    const etag = tag ?? tagOf(content);
    headers["etag"] = `"${etag}"`;
    if (matches(request.headers.get("if-none-match"), etag))
      return new Response(null, { status: 304, headers });
  }
  if (typeof content === "string") return new Response(content, { status, headers });
  const [only, ...others] = content;
  return only !== undefined && others.length === 0
    ? new Response(only, { status, headers })
    : piecesResponse(content, { status, headers });
}

function tagOf(content: string | readonly Uint8Array[]): string {
  const hash = createHash("sha1");
  for (const piece of typeof content === "string" ? [content] : content) hash.update(piece);
  return hash.digest("base64url");
}
