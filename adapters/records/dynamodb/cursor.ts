import { DomainError } from "../../../core/errors.ts";
import type { Span } from "./listing.ts";
import { isPlace } from "./places.ts";

export function encodeCursor({ after, until }: Span): string {
  return Buffer.from(`${after}.${until}`).toString("base64url");
}

/** @throws `bad-request` for a cursor that no page named */
export function decodeCursor(cursor: string): Span {
  const [after = "", until = "", ...rest] = Buffer.from(cursor, "base64url").toString().split(".");
  const span = { after, until };
  // Buffer forgives what is not base64url; only the spelling we gave out is ours.
  const ours = isPlace(after) && isPlace(until) && rest.length === 0 && encodeCursor(span) === cursor;
  if (!ours) throw new DomainError("bad-request", "No page starts at this cursor.");
  return span;
}
