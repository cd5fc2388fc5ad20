import type { DatabaseSync } from "node:sqlite";
import { DomainError } from "../../core/errors.ts";

/** In the file's header: tells our store from any other SQLite file. "IMSr". */
const APPLICATION_ID = 0x494d5372;

/**
 * Entry n brings a store from version n to n + 1. Entries are never changed once released, only added.
 *
 * AUTOINCREMENT, because a sequence number must never come back: it is the place in a list and, with the version, the
 * name of one text. The index on `kind` is in sequence order, since the sequence is the row id.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE records (
     sequence INTEGER PRIMARY KEY AUTOINCREMENT,
     kind TEXT NOT NULL,
     id TEXT NOT NULL,
     version INTEGER NOT NULL,
     text TEXT NOT NULL,
     UNIQUE (kind, id)
   ) STRICT;
   CREATE INDEX records_in_order ON records (kind);
   CREATE TABLE probe (only INTEGER PRIMARY KEY CHECK (only = 1), checks INTEGER NOT NULL) STRICT;
   INSERT INTO probe VALUES (1, 0);`,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * The version of the store in an open file.
 * @throws `unavailable` when it is none of ours, or of a version that this program does not know.
 */
export function storedVersion(db: DatabaseSync): number {
  const version = pragma(db, "user_version");
  if (pragma(db, "application_id") !== APPLICATION_ID || version === 0) {
    throw new DomainError(
      "unavailable",
      "The record store's file is empty or not a record store. Restore it from a backup; only if it never held " +
        "anything, remove it and a new one is made.",
    );
  }
  if (version > SCHEMA_VERSION) {
    throw new DomainError(
      "unavailable",
      `The record store has version ${version}, and this program knows up to ${SCHEMA_VERSION}: a newer one has used ` +
        "it. Run that one, or restore a backup from before.",
    );
  }
  return version;
}

/** @throws `unavailable` when another process has brought the store to another version since it was opened. */
export function refuseOtherVersion(db: DatabaseSync): void {
  if (storedVersion(db) === SCHEMA_VERSION) return;
  throw new DomainError(
    "unavailable",
    "The record store was changed to another version. Restart the service.",
  );
}

/** Brings a store, or an empty file, to the newest version in one transaction. Two processes may try at once. */
export function migrate(db: DatabaseSync, migrations: readonly string[] = MIGRATIONS): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    const from = pragma(db, "user_version");
    for (const step of migrations.slice(from)) db.exec(step);
    // Another process, of a newer version, may have been faster.
    const to = Math.max(from, migrations.length);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${to}; COMMIT`);
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

function pragma(db: DatabaseSync, name: "user_version" | "application_id"): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}
