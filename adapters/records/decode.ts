import { DomainError } from "../../core/errors.ts";
import type { Stored } from "../../core/ports/records.ts";
import { parseRecord, type RecordKind } from "../../core/records.ts";

export interface Row {
  readonly id: string;
  readonly version: number;
  /** The value as JSON. */
  readonly text: string;
}

/**
 * The record that a row holds. It is frozen all through: stores answer one object to many callers.
 * @throws `unavailable` naming the record when its text is not one.
 */
export function decodeRow<K extends RecordKind>(kind: K, row: Row): Stored<K> {
  const value = parseRecord(kind, row.id, parseJson(kind, row));
  return freeze({ id: row.id, version: row.version, value });
}

function parseJson(kind: string, row: Row): unknown {
  try {
    return JSON.parse(row.text);
  } catch (error) {
    throw new DomainError("unavailable", `The stored ${kind} ${row.id} is damaged: it is not JSON.`, {
      cause: error,
    });
  }
}

function freeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) {
    if (typeof member === "object" && member !== null) freeze(member);
  }
  return Object.freeze(value);
}
