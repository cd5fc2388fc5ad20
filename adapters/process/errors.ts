import * as v from "valibot";
import { DomainError } from "../../core/errors.ts";

const Coded = v.object({ code: v.string() });

/** The `code` of a Node.js error (`ENOENT`, ...), `undefined` when it has none. */
export function codeOf(error: unknown): string | undefined {
  const result = v.safeParse(Coded, error);
  return result.success ? result.output.code : undefined;
}

/** Whether the error says that what was asked for is not there (any more). */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ESRCH" || code === "ENOTDIR";
}

/** Whether the error says that what was asked for is not for this process to see, or to touch. */
export function isForbidden(error: unknown): boolean {
  const code = codeOf(error);
  return code === "EACCES" || code === "EPERM";
}

/** An error of the operating system in words of the domain: `storage-full`, else `unavailable`. */
export function asDomainError(error: unknown, message: string): DomainError {
  if (error instanceof DomainError) return error;
  const code = codeOf(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new DomainError("storage-full", `${message} The disk is full.`, { cause: error });
  }
  const detail = code === undefined ? "" : ` (${code})`;
  return new DomainError("unavailable", `${message}${detail}`, { cause: error });
}
