import { DomainError } from "../../core/errors.ts";
import { readyJson } from "../../core/json.ts";
import type { Page, PageRequest, Records } from "../../core/ports/records.ts";
import type { RecordKind } from "../../core/records.ts";
import { encodeCursor, pageBounds } from "./cursor.ts";
import { decodeRow, jsonOfRow, tagOf, textOfRow, type Row } from "./decode.ts";
import { encodeCommit, lostRace, type EncodedChange } from "./encode.ts";

interface Entry extends Row {
  readonly sequence: number;
}

/** Rows by kind and id. A Map keeps the place of a key whose value is replaced, as a list must. */
type Rows = Map<string, Map<string, Entry>>;

/** Records that live as long as the process, for tests and trials. Values are kept as JSON, so nobody shares objects. */
export function createMemoryRecords(): Records {
  const rows: Rows = new Map();
  let sequence = 0;
  let closed = false;
  const open = (): void => {
    if (closed) throw new DomainError("unavailable", "The record store is closed.");
  };

  return {
    async get(kind, id) {
      open();
      const row = rows.get(kind)?.get(id);
      return row === undefined ? undefined : decodeRow(kind, row);
    },
    async list(kind, page = {}) {
      open();
      return listPage(rows, kind, page);
    },
    async getJson(kind, id) {
      open();
      const row = rows.get(kind)?.get(id);
      return row === undefined ? undefined : jsonOfRow(kind, row);
    },
    async listJson(kind) {
      open();
      const all = [...(rows.get(kind)?.values() ?? [])].map((row) => textOfRow(kind, row));
      const text = `[${all.join()}]`;
      return readyJson(text, tagOf(text));
    },
    async commit(changes) {
      open();
      const encoded = encodeCommit(changes);
      for (const change of encoded) if (!fits(rows, change)) throw lostRace(change);
      for (const change of encoded) apply(rows, change, ++sequence);
    },
    async check() {
      open();
    },
    async close() {
      closed = true;
    },
  };
}

function fits(rows: Rows, change: EncodedChange): boolean {
  const found = rows.get(change.kind)?.get(change.id);
  return change.op === "insert" ? found === undefined : found?.version === change.version;
}

function apply(rows: Rows, change: EncodedChange, sequence: number): void {
  const { kind, id } = change;
  const ofKind = rows.get(kind) ?? new Map<string, Entry>();
  rows.set(kind, ofKind);
  if (change.op === "remove") ofKind.delete(id);
  else if (change.op === "insert") ofKind.set(id, { id, version: 1, text: change.text, sequence });
  else {
    const place = ofKind.get(id)?.sequence ?? sequence;
    ofKind.set(id, { id, version: change.version + 1, text: change.text, sequence: place });
  }
}

function listPage<K extends RecordKind>(rows: Rows, kind: K, page: PageRequest): Page<K> {
  const bounds = pageBounds(page);
  const all = [...(rows.get(kind)?.values() ?? [])];
  const until = bounds.until ?? all.at(-1)?.sequence ?? 0;
  const rest = all.filter((entry) => entry.sequence > bounds.after && entry.sequence <= until);
  const shown = rest.slice(0, page.limit);
  const last = shown.at(-1);
  const records = shown.map((entry) => decodeRow(kind, entry));
  return last === undefined || shown.length === rest.length
    ? { records }
    : { records, next: encodeCursor({ after: last.sequence, until }) };
}
