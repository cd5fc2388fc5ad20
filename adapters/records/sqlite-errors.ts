import { statfsSync } from "node:fs";
import { DomainError, isDomainError } from "../../core/errors.ts";
import type { CommitOutcome } from "./sqlite-messages.ts";

const BUSY = 5;
const IO_ERROR = 10;
const FULL = 13;

const REASONS: ReadonlyMap<number, string> = new Map([
  [BUSY, "it is locked by another process"],
  [6, "it is locked by another process"],
  [8, "it cannot be written"],
  [IO_ERROR, "its disk fails"],
  [11, "it is damaged; restore it from a backup"],
  [14, "its file cannot be opened"],
  [26, "its file is not a store; restore it from a backup"],
]);

/** SQLite's primary result code; `undefined` for an error that is not SQLite's. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
}

export function isSqliteError(error: unknown): boolean {
  return resultCode(error) !== undefined;
}

export function isBusy(error: unknown): boolean {
  return resultCode(error) === BUSY;
}

/** A failure as it is sent between the threads, where an error would lose its code. */
export function failedOutcome(error: unknown, path?: string): CommitOutcome {
  const { code, message, cause } = storeError(error, path);
  return { is: "failed", code, message, cause };
}

/** Any failure of a store as a DomainError; `path` is the store's file. */
export function storeError(error: unknown, path?: string): DomainError {
  if (isDomainError(error)) return error;
  const code = resultCode(error);
  if (code === FULL || (code === IO_ERROR && path !== undefined && isDiskFull(path))) {
    return new DomainError("storage-full", "No space is left for the record store.", { cause: error });
  }
  const reason = code === undefined ? undefined : REASONS.get(code);
  const message = `The record store is not available${reason === undefined ? "" : `: ${reason}`}.`;
  return new DomainError("unavailable", message, { cause: error });
}

/** SQLite reports a full disk as an I/O error when it was the shared memory file that could not grow. */
function isDiskFull(path: string): boolean {
  try {
    return statfsSync(path).bavail < 64;
  } catch {
    return false; // A disk that cannot even be asked is broken, not full.
  }
}
