import { DomainError } from "../../core/errors.ts";
import type { PageRequest } from "../../core/ports/records.ts";

/**
 * What a page may show, as sequence numbers: those in (after, until]. `until` is fixed by the first page, so that a
 * record which is removed and inserted again while somebody pages does not show twice.
 */
export interface PageBounds {
  readonly after: number;
  readonly until?: number;
}

export function encodeCursor(bounds: Required<PageBounds>): string {
  return Buffer.from(`${bounds.after}.${bounds.until}`).toString("base64url");
}

/** @throws `bad-request` for a cursor that no page named, or a limit that is not a whole number from 1. */
export function pageBounds(page: PageRequest): PageBounds {
  refuseOddLimit(page);
  return page.after === undefined ? { after: 0 } : decodeCursor(page.after);
}

/** @throws `bad-request` for a limit that is not a whole number from 1 */
export function refuseOddLimit({ limit }: PageRequest): void {
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) {
    throw new DomainError("bad-request", "The limit of a page is a whole number from 1.");
  }
}

function decodeCursor(cursor: string): PageBounds {
  const [, after, until] = /^(\d+)\.(\d+)$/u.exec(Buffer.from(cursor, "base64url").toString()) ?? [];
  const bounds = { after: Number(after), until: Number(until) };
  // Buffer forgives what is not base64url; only the spelling we gave out is ours.
  if (!Number.isSafeInteger(bounds.after) || encodeCursor(bounds) !== cursor) {
    throw new DomainError("bad-request", "No page starts at this cursor.");
  }
  return bounds;
}
