import { DomainError, isDomainError } from "../../core/errors.ts";
import type { Change } from "../../core/ports/records.ts";
import { parseRecord, type RecordKind, type RecordValue } from "../../core/records.ts";

/** A change as stores keep it: the value as JSON text. Plain data, so that it can be sent to another thread. */
export type EncodedChange =
  | { readonly op: "insert"; readonly kind: RecordKind; readonly id: string; readonly text: string }
  | {
      readonly op: "replace";
      readonly kind: RecordKind;
      readonly id: string;
      readonly version: number;
      readonly text: string;
    }
  | { readonly op: "remove"; readonly kind: RecordKind; readonly id: string; readonly version: number };

export type EncodedCommit = readonly EncodedChange[];

/** @throws `invalid` for two changes of one record, or for a value that could not be read back. */
export function encodeCommit(changes: readonly Change[]): EncodedCommit {
  refuseDuplicates(changes);
  return changes.map(encodeChange);
}

function encodeChange(change: Change): EncodedChange {
  const { op, kind, id } = change;
  if (op === "insert") return { op, kind, id, text: encodeValue(kind, id, change.value) };
  if (op === "remove") return { op, kind, id, version: change.version };
  return { op, kind, id, version: change.version, text: encodeValue(kind, id, change.value) };
}

/** Types cannot keep NaN or Infinity out, which JSON turns into null: better refused now than unreadable for ever. */
function encodeValue(kind: RecordKind, id: string, value: RecordValue<RecordKind>): string {
  const text = JSON.stringify(value);
  try {
    parseRecord(kind, id, JSON.parse(text));
  } catch (error) {
    if (!isDomainError(error)) throw error;
    throw new DomainError("invalid", `The ${kind} ${id} holds what a store cannot keep.`, { cause: error });
  }
  return text;
}

function refuseDuplicates(changes: readonly Change[]): void {
  const seen = new Set<string>();
  for (const { kind, id } of changes) {
    // No kind holds a space.
    const key = `${kind} ${id}`;
    if (seen.has(key)) throw new DomainError("invalid", `A commit changes the ${kind} ${id} twice.`);
    seen.add(key);
  }
}

export function lostRace({ kind, id }: { kind: string; id: string }): DomainError {
  return new DomainError("lost-race", `The ${kind} ${id} changed meanwhile.`);
}
