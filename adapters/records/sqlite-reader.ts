import type { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Json } from "../../core/json.ts";
import type { Page, PageRequest, Stored } from "../../core/ports/records.ts";
import type { RecordKind, RecordValue } from "../../core/records.ts";
import { encodeCursor, pageBounds } from "./cursor.ts";
import { decodeRow, jsonOfRow } from "./decode.ts";
import { patiently } from "./patiently.ts";
import { type CacheEntry, createRecordCaches, type RecordCaches } from "./sqlite-cache.ts";
import { sequencedRow, type SequencedRow } from "./sqlite-row.ts";
import type { WalIndex } from "./sqlite-wal-index.ts";
import { createSharedVersion } from "./sqlite-watch.ts";

const CACHE_BYTES = 40 * 1024 * 1024;
/** What an entry takes at least, and how many bytes a decoded record takes for each character of its JSON. */
const ENTRY_BYTES = 300;
const DECODED_FACTOR = 4;
/** Records decoded in one go before others get their turn on the main thread; about 2 ms. */
const SLICE = 200;

export interface Reader {
  get<K extends RecordKind>(kind: K, id: string): Promise<Stored<K> | undefined>;
  getJson<K extends RecordKind>(kind: K, id: string): Promise<Json<RecordValue<K>> | undefined>;
  list<K extends RecordKind>(kind: K, page: PageRequest): Promise<Page<K>>;
}

/** Reads through a connection of its own, on this thread: with a write-ahead log readers never wait for the writer. */
export function createReader(db: DatabaseSync, walIndex: WalIndex, path: string): Reader {
  const caches = createRecordCaches(CACHE_BYTES);
  const { entryOf, decoded, jsonOf } = createEntries(caches);
  const dataVersion = createSharedVersion(walIndex, path);
  const one = db.prepare("SELECT sequence, id, version, text FROM records WHERE kind = ? AND id = ?");
  const select = createSelect(db);

  const rowOf = async (kind: RecordKind, id: string): Promise<SequencedRow | undefined> => {
    const found = await patiently(path, () => one.get(kind, id));
    return found === undefined ? undefined : sequencedRow(found);
  };

  const decodeAll = async <K extends RecordKind>(kind: K, rows: SequencedRow[], seen: number) => {
    const records: Stored<K>[] = [];
    let fresh = 0;
    for (const row of rows) {
      const entry = entryOf(kind, row, seen);
      if (entry.record === undefined && ++fresh % SLICE === 0) await nextTurn();
      records.push(decoded(kind, row, entry));
    }
    return records;
  };

  return {
    async get(kind, id) {
      const seen = await dataVersion();
      const known = caches[kind].get(id);
      if (known?.seen === seen && known.record !== undefined) return known.record;
      const row = await rowOf(kind, id);
      return row === undefined ? undefined : decoded(kind, row, entryOf(kind, row, seen));
    },
    async getJson(kind, id) {
      const seen = await dataVersion();
      const known = caches[kind].get(id);
      if (known?.json !== undefined && known.seen === seen) return known.json;
      const row = await rowOf(kind, id);
      return row === undefined ? undefined : jsonOf(kind, row, entryOf(kind, row, seen));
    },
    async list(kind, page) {
      const seen = await dataVersion();
      const { rows, next } = await patiently(path, () => select(kind, page));
      const records = await decodeAll(kind, rows, seen);
      return next === undefined ? { records } : { records, next };
    },
  };
}

/** What is known of rows, in the caches. */
function createEntries(caches: RecordCaches) {
  /** The entry of a row: the one that is known if it is of this very text. */
  const entryOf = <K extends RecordKind>(kind: K, row: SequencedRow, seen: number): CacheEntry<K> => {
    const known = caches[kind].get(row.id);
    if (known?.sequence !== row.sequence || known.version !== row.version)
      return { sequence: row.sequence, version: row.version, seen };
    known.seen = seen;
    return known;
  };

  const decoded = <K extends RecordKind>(kind: K, row: SequencedRow, entry: CacheEntry<K>): Stored<K> => {
    if (entry.record !== undefined) return entry.record;
    entry.record = decodeRow(kind, row);
    caches[kind].set(row.id, sizeOf(row, entry), entry);
    return entry.record;
  };

  const jsonOf = <K extends RecordKind>(
    kind: K,
    row: SequencedRow,
    entry: CacheEntry<K>,
  ): Json<RecordValue<K>> => {
    if (entry.json !== undefined) return entry.json;
    entry.json = jsonOfRow(kind, row);
    caches[kind].set(row.id, sizeOf(row, entry), entry);
    return entry.json;
  };
  return { entryOf, decoded, jsonOf };
}

function sizeOf<K extends RecordKind>({ text }: SequencedRow, { record, json }: CacheEntry<K>): number {
  const parts = (record === undefined ? 0 : DECODED_FACTOR) + (json === undefined ? 0 : 1);
  return ENTRY_BYTES + parts * text.length;
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
