import type { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { DomainError } from "../../core/errors.ts";
import type { Page, PageRequest, Stored } from "../../core/ports/records.ts";
import type { RecordKind } from "../../core/records.ts";
import { encodeCursor, pageBounds } from "./cursor.ts";
import { decodeRow, type Row } from "./decode.ts";
import { patiently } from "./patiently.ts";
import { createRecordCaches } from "./sqlite-cache.ts";

const CACHE_CHARACTERS = 32 * 1024 * 1024;
/** Records decoded in one go before others get their turn on the main thread; about 2 ms. */
const SLICE = 200;

export interface Reader {
  get<K extends RecordKind>(kind: K, id: string): Promise<Stored<K> | undefined>;
  list<K extends RecordKind>(kind: K, page: PageRequest): Promise<Page<K>>;
}

type SequencedRow = Row & { readonly sequence: number };

/** Reads through a connection of its own, on this thread: with a write-ahead log readers never wait for the writer. */
export function createReader(db: DatabaseSync, path: string): Reader {
  const caches = createRecordCaches(CACHE_CHARACTERS);
  const one = db.prepare("SELECT sequence, id, version, text FROM records WHERE kind = ? AND id = ?");
  const select = createSelect(db);

  const decode = <K extends RecordKind>(kind: K, row: SequencedRow): Stored<K> => {
    const record = decodeRow(kind, row);
    caches[kind].set(row.sequence, row.text.length, record);
    return record;
  };

  const decodeAll = async <K extends RecordKind>(kind: K, rows: SequencedRow[]): Promise<Stored<K>[]> => {
    const records: Stored<K>[] = [];
    let fresh = 0;
    for (const row of rows) {
      const known = caches[kind].get(row.sequence, row.version);
      if (known === undefined && ++fresh % SLICE === 0) await nextTurn();
      records.push(known ?? decode(kind, row));
    }
    return records;
  };

  return {
    async get(kind, id) {
      const found = await patiently(path, () => one.get(kind, id));
      if (found === undefined) return undefined;
      const row = sequencedRow(found);
      return caches[kind].get(row.sequence, row.version) ?? decode(kind, row);
    },
    async list(kind, page) {
      const { rows, next } = await patiently(path, () => select(kind, page));
      const records = await decodeAll(kind, rows);
      return next === undefined ? { records } : { records, next };
    },
  };
}

interface Selection {
  readonly rows: SequencedRow[];
  readonly next?: string;
}

function createSelect(db: DatabaseSync): (kind: string, page: PageRequest) => Selection {
  const last = db.prepare("SELECT max(sequence) AS sequence FROM records WHERE kind = ?");
  const some = db.prepare(
    `SELECT sequence, id, version, text FROM records INDEXED BY records_in_order
     WHERE kind = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?`,
  );
  return (kind, page) => {
    const bounds = pageBounds(page);
    const until = bounds.until ?? Number(last.get(kind)?.["sequence"] ?? 0);
    // One more than asked for tells whether there is a next page; -1 is no limit.
    const wanted = page.limit === undefined ? -1 : page.limit + 1;
    const rows = some.all(kind, bounds.after, until, wanted).map(sequencedRow);
    if (page.limit === undefined || rows.length <= page.limit) return { rows };
    rows.pop();
    return { rows, next: encodeCursor({ after: rows.at(-1)?.sequence ?? 0, until }) };
  };
}

function sequencedRow(row: Readonly<Record<string, unknown>>): SequencedRow {
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
