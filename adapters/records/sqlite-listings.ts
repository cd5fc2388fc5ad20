import type { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Json, readyJson } from "../../core/json.ts";
import type { RecordKind, RecordValue } from "../../core/records.ts";
import { jsonOfRow, tagOf } from "./decode.ts";
import { patiently } from "./patiently.ts";
import { openDatabase } from "./sqlite-connection.ts";
import { storeError } from "./sqlite-errors.ts";
import { sequencedRow } from "./sqlite-row.ts";
import { createDataVersion } from "./sqlite-watch.ts";

/** So many sequence numbers make a piece: built in one go, in about a millisecond, and again when one of its records changed. */
const PIECE_NUMBERS = 128;
/** So many pieces are looked at before others get their turn on the main thread. */
const PIECES_AT_ONCE = 16;
/** Lists are kept ready up to this many bytes, those asked for last. */
const MOST_BYTES = 64 * 1024 * 1024;

/** A list up to so many bytes is one piece in the end: a copy for each change costs less than several writes for each answer. */
const SMALL_BYTES = 1024 * 1024;

const BRACKETS = [Buffer.from("["), Buffer.from("]")] as const;

export interface Listings {
  list<K extends RecordKind>(kind: K): Promise<Json<RecordValue<K>[]>>;
  /** Waits for the list that is being made; none may be asked for after it. */
  close(): Promise<void>;
}

/**
 * What the records with these sequence numbers were when the piece was made. Versions only grow and sequence numbers
 * never come back, so as long as these three are the same, so is every record.
 */
interface Facts {
  readonly piece: number;
  readonly rows: number;
  readonly versions: number;
  readonly last: number;
}

interface Piece extends Facts {
  /** Each record with a comma before it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly tag: string;
}

interface Known {
  readonly dataVersion: number;
  readonly pieces: ReadonlyMap<number, Piece>;
  readonly bytes: number;
  readonly json: Json<unknown[]>;
}

/**
 * Lists as ready-made JSON. Each is as of one moment: it is made in a read transaction, on a connection of its own, that
 * may last many turns of the main thread. Only pieces with a changed record are made again; as long as nobody has
 * committed nothing is, and the very same bytes are answered to all.
 */
export function createListings(path: string): Listings {
  const db = openDatabase(path, { waitMs: 0 });
  db.exec("PRAGMA query_only = ON");
  const dataVersion = createDataVersion(db);
  const look = createLook(db);
  const known = new Map<RecordKind, Known>();
  /** Those that have not begun: who asks for the same kind meanwhile shares it. */
  const waiting = new Map<RecordKind, Promise<Known>>();
  let last: Promise<unknown> = Promise.resolve();

  const upToDate = async (kind: RecordKind): Promise<Known> => {
    const old = known.get(kind);
    const now = await patiently(path, () => begin(db, dataVersion, old?.dataVersion));
    known.delete(kind);
    const made = old?.dataVersion === now ? old : await make(kind, now, old?.pieces ?? new Map());
    keep(known, kind, made);
    return made;
  };

  const make = async (kind: RecordKind, now: number, old: ReadonlyMap<number, Piece>): Promise<Known> => {
    try {
      const pieces = await look(kind, old);
      return { dataVersion: now, pieces, ...joined([...pieces.values()]) };
    } catch (error) {
      throw storeError(error, path);
    } finally {
      db.exec("ROLLBACK");
    }
  };

  const inTurn = (kind: RecordKind): Promise<Known> => {
    const work = last.then(() => {
      waiting.delete(kind);
      return upToDate(kind);
    });
    last = work.catch(() => undefined);
    waiting.set(kind, work);
    return work;
  };

  return {
    async list<K extends RecordKind>(kind: K) {
      const { content, tag } = (await (waiting.get(kind) ?? inTurn(kind))).json;
      return readyJson<RecordValue<K>[]>(content, tag);
    },
    async close() {
      await last;
      db.close();
    },
  };
}

/** Begins a read transaction unless nobody has committed since. It sees what was there when the number was read, or more. */
function begin(db: DatabaseSync, dataVersion: () => number, before: number | undefined): number {
  const now = dataVersion();
  if (now !== before) db.exec("BEGIN");
  return now;
}

/** All pieces of a kind, in order; those that have not changed are the old ones. */
function createLook(db: DatabaseSync) {
  const first = db.prepare(
    "SELECT min(sequence) AS first FROM records INDEXED BY records_in_order WHERE kind = ? AND sequence >= ?",
  );
  const facts = createFacts(db);
  const make = createPieceMaker(db);

  return async (kind: RecordKind, old: ReadonlyMap<number, Piece>): Promise<Map<number, Piece>> => {
    const pieces = new Map<number, Piece>();
    for (let from = 0; ;) {
      const found = first.get(kind, from)?.["first"];
      if (typeof found !== "number") return pieces;
      const piece = Math.floor(found / PIECE_NUMBERS);
      for (const now of facts(kind, piece)) {
        const before = old.get(now.piece);
        const same = before !== undefined && isSame(before, now);
        if (!same) await nextTurn();
        pieces.set(now.piece, same ? before : make(kind, now));
      }
      from = (piece + PIECES_AT_ONCE) * PIECE_NUMBERS;
      await nextTurn();
    }
  };
}

function createFacts(db: DatabaseSync): (kind: RecordKind, piece: number) => Facts[] {
  const select = db.prepare(
    `SELECT sequence / ${PIECE_NUMBERS} AS piece, count(*) AS rows, sum(version) AS versions, max(sequence) AS last
     FROM records INDEXED BY records_in_order
     WHERE kind = ? AND sequence >= ? AND sequence < ? GROUP BY piece ORDER BY piece`,
  );
  return (kind, piece) => {
    const rows = select.all(kind, piece * PIECE_NUMBERS, (piece + PIECES_AT_ONCE) * PIECE_NUMBERS);
    return rows.map((row) => ({
      piece: Number(row["piece"]),
      rows: Number(row["rows"]),
      versions: Number(row["versions"]),
      last: Number(row["last"]),
    }));
  };
}

function createPieceMaker(db: DatabaseSync): (kind: RecordKind, facts: Facts) => Piece {
  const select = db.prepare(
    `SELECT sequence, id, version, text FROM records INDEXED BY records_in_order
     WHERE kind = ? AND sequence >= ? AND sequence < ? ORDER BY sequence`,
  );
  return (kind, facts) => {
    const { piece } = facts;
    const rows = select.all(kind, piece * PIECE_NUMBERS, (piece + 1) * PIECE_NUMBERS);
    const texts = rows.map((row) => `,${String(jsonOfRow(kind, sequencedRow(row)).content)}`);
    const bytes = Buffer.from(texts.join(""));
    return { ...facts, bytes, tag: tagOf(bytes) };
  };
}

function isSame(a: Facts, b: Facts): boolean {
  return a.rows === b.rows && a.versions === b.versions && a.last === b.last;
}

/** The whole list of its pieces: the first record has no comma before it. */
function joined(pieces: readonly Piece[]): Pick<Known, "json" | "bytes"> {
  const parts = pieces.map((piece, index) => (index === 0 ? piece.bytes.subarray(1) : piece.bytes));
  const tag = tagOf(pieces.map((piece) => piece.tag).join());
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const content = [BRACKETS[0], ...parts, BRACKETS[1]];
  const json = readyJson<unknown[]>(bytes > SMALL_BYTES ? content : [Buffer.concat(content)], tag);
  return { json, bytes };
}

/** As the newest; the oldest make room for it. */
function keep(known: Map<RecordKind, Known>, kind: RecordKind, made: Known): void {
  known.set(kind, made);
  let all = [...known.values()].reduce((sum, one) => sum + one.bytes, 0);
  for (const [oldest, { bytes }] of known) {
    if (all <= MOST_BYTES) return;
    known.delete(oldest);
    all -= bytes;
  }
}
