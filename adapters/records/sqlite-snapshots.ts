import type { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { DomainError } from "../../core/errors.ts";
import type { RecordsSnapshots } from "../../core/ports/records-snapshots.ts";
import { RECORD_KINDS, type RecordKind } from "../../core/records.ts";
import { decodeRow } from "./decode.ts";
import { patiently } from "./patiently.ts";
import { ofKind } from "./snapshots.ts";
import { openDatabase } from "./sqlite-connection.ts";
import { type SequencedRow, sequencedRow } from "./sqlite-row.ts";

const PAGE_ROWS = 500;

/** Read in one transaction, which sees the store as it was when it began, on a connection of its own. */
export function createSqliteSnapshots(path: string): RecordsSnapshots {
  return {
    areOfOneMoment: true,
    async *take() {
      const db = await patiently(path, () => openDatabase(path, { waitMs: 0 }));
      try {
        db.exec("PRAGMA query_only = ON");
        await patiently(path, () => begin(db));
        for (const kind of kindsIn(db))
          for (let after = -1; ;) {
            const rows = page(db, kind, after);
            for (const row of rows) yield ofKind(kind, decodeRow(kind, row));
            const last = rows.at(-1);
            if (last === undefined) break;
            after = last.sequence;
            await nextTurn();
          }
      } finally {
        db.close();
      }
    },
  };
}

/** What is seen is settled by the first read, not by BEGIN. */
function begin(db: DatabaseSync): void {
  db.exec("BEGIN");
  try {
    db.prepare("SELECT 1 FROM records LIMIT 1").get();
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

function kindsIn(db: DatabaseSync): RecordKind[] {
  const found = db.prepare("SELECT DISTINCT kind FROM records").all();
  return found.map((row) => {
    const kind = RECORD_KINDS.find((known) => known === row["kind"]);
    if (kind === undefined)
      throw new DomainError("unavailable", "The record store is damaged: it has records of no kind.");
    return kind;
  });
}

function page(db: DatabaseSync, kind: RecordKind, after: number): SequencedRow[] {
  const select = db.prepare(
    `SELECT sequence, id, version, text FROM records INDEXED BY records_in_order
     WHERE kind = ? AND sequence > ? ORDER BY sequence LIMIT ?`,
  );
  return select.all(kind, after, PAGE_ROWS).map(sequencedRow);
}
