import { createHash } from "node:crypto";
import { DomainError } from "../../core/errors.ts";
import { type Json, readyJson } from "../../core/json.ts";
import type { Stored } from "../../core/ports/records.ts";
import { parseRecord, type RecordKind, type RecordValue } from "../../core/records.ts";

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

/** The value that a row holds as JSON, parsed before it is believed. @throws `unavailable` as `decodeRow` does */
export function jsonOfRow<K extends RecordKind>(kind: K, row: Row): Json<RecordValue<K>> {
  const text = textOfRow(kind, row);
  return readyJson(text, tagOf(text));
}

/** The text of `jsonOfRow`, for those who put many into one. @throws `unavailable` as `decodeRow` does */
export function textOfRow(kind: RecordKind, row: Row): string {
  return JSON.stringify(parseRecord(kind, row.id, parseJson(kind, row)));
}

/** A name for content: as short as can be for two contents never to share one. */
export function tagOf(content: string | Uint8Array): string {
  return createHash("sha1").update(content).digest("base64url");
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
