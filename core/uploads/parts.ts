import { DomainError } from "../errors.ts";
import type { StoredPart } from "../ports/upload-sessions.ts";

const MIB = 1024 * 1024;
/** As S3 has it. */
export const MOST_PARTS = 10_000;
export const LEAST_PART_BYTES = 5 * MIB;
export const MOST_PART_BYTES = 5 * 1024 * MIB;
/** Unless the content is so large that it would take too many. */
const USUAL_PART_BYTES = 64 * MIB;

/** The usual size of parts, or the smallest in whole MiB with which 10,000 of them hold so many bytes. */
export function partBytesFor(largest: number): number {
  return Math.max(USUAL_PART_BYTES, Math.ceil(largest / MOST_PARTS / MIB) * MIB);
}

/**
 * Whether these are all parts of a whole: from 1 on without a gap, all but the last full, and together of the size that
 * was announced. @throws `invalid` naming what is not so
 */
export function checkParts(
  parts: readonly StoredPart[],
  { partBytes, size }: { readonly partBytes: number; readonly size?: number | undefined },
): void {
  const [last] = parts.slice(-1);
  if (last === undefined) throw new DomainError("invalid", "No part has been uploaded yet.");
  const missing = missingNumbers(
    parts,
    size === undefined ? last.number : Math.max(1, Math.ceil(size / partBytes)),
  );
  if (missing.length > 0)
    throw new DomainError("invalid", `Not all parts are there: ${named(missing)} missing.`);
  const odd = parts.find((part) => part !== last && part.size !== partBytes);
  if (odd !== undefined)
    throw new DomainError(
      "invalid",
      `Part ${odd.number} has ${odd.size} bytes; all but the last must have ${partBytes}. Upload it again.`,
    );
  if (last.size > partBytes)
    throw new DomainError(
      "invalid",
      `The last part has ${last.size} bytes; it may have at most ${partBytes}.`,
    );
  const total = sizeOf(parts);
  if (size !== undefined && total !== size)
    throw new DomainError("invalid", `The parts have ${total} bytes together; ${size} were announced.`);
}

export const sizeOf = (parts: readonly StoredPart[]): number =>
  parts.reduce((sum, part) => sum + part.size, 0);

function missingNumbers(parts: readonly StoredPart[], count: number): number[] {
  const there = new Set(parts.map(({ number }) => number));
  return Array.from({ length: count }, (_, index) => index + 1).filter((number) => !there.has(number));
}

const MOST_NAMED = 20;

function named(numbers: readonly number[]): string {
  const more = numbers.length - MOST_NAMED;
  const list = numbers.slice(0, MOST_NAMED).join(", ");
  return `${numbers.length === 1 ? "part" : "parts"} ${list}${more > 0 ? ` and ${more} more` : ""} ${numbers.length === 1 ? "is" : "are"}`;
}
