import { DomainError } from "../../core/errors.ts";
import type { Row } from "./decode.ts";

export type SequencedRow = Row & { readonly sequence: number };

/** What SQLite answers of a record. @throws `unavailable` when it is none */
export function sequencedRow(row: Readonly<Record<string, unknown>>): SequencedRow {
  const { sequence, id, version, text } = row;
  if (
    typeof sequence !== "number" ||
    typeof id !== "string" ||
    typeof version !== "number" ||
    typeof text !== "string"
  ) {
    throw new DomainError("unavailable", "The record store is damaged: a row is not a record.");
  }
  return { sequence, id, version, text };
}
