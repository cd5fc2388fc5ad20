import { DomainError } from "../../core/errors.ts";

export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Nothing at this path, or something on the way is not a folder. */
export function isAbsent(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** An error of the file system as a DomainError; one that is none of the file system's is handed back as it is. */
export function fileError(error: unknown, doing: string): unknown {
  const code = errorCode(error);
  if (code === undefined || !/^E[A-Z0-9]+$/u.test(code)) return error;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new DomainError("storage-full", `No space left while ${doing}.`, { cause: error });
  }
  return new DomainError("unavailable", `Failed while ${doing} (${code}).`, { cause: error });
}
