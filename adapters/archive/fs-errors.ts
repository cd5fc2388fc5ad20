import { asDomainError, codeOf } from "../process/errors.ts";

/**
 * An error of the file system as a DomainError (`storage-full`, else `unavailable`); one that is none of the file
 * system's is handed back as it is.
 */
export function fileError(error: unknown, doing: string): unknown {
  const isFileSystems = /^E[A-Z0-9]+$/u.test(codeOf(error) ?? "");
  return isFileSystems ? asDomainError(error, `Failed while ${doing}.`) : error;
}
