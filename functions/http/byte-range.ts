import { DomainError } from "../../core/errors.ts";
import type { ByteRange } from "../../core/ports/artifacts.ts";

/**
 * The one range that a `Range` header asks for (RFC 9110, section 14), or `undefined` for the whole: no header, another
 * unit, several ranges, or text that is no range at all. @throws `range-not-satisfiable` when it begins past the end.
 */
export function requestedRange(header: string | null, size: number): ByteRange | undefined {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/u.exec(header ?? "") ?? [];
  if (first === "") return last === "" ? undefined : suffix(Number(last), size);
  const start = Number(first);
  const end = last === "" ? Number.MAX_SAFE_INTEGER : Number(last);
  if (end < start) return undefined;
  if (start >= size) throw outside(size);
  return { start, end: Math.min(end, size - 1) };
}

function suffix(length: number, size: number): ByteRange {
  if (length === 0 || size === 0) throw outside(size);
  return { start: Math.max(0, size - length), end: size - 1 };
}

function outside(size: number): DomainError {
  return new DomainError("range-not-satisfiable", `The range lies outside of the ${size} bytes there are.`);
}
