import { randomUUID } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DomainError } from "../../core/errors.ts";
import { codeOf } from "../process/errors.ts";
import { openDatabase } from "./sqlite-connection.ts";
import { migrate } from "./sqlite-schema.ts";

/**
 * Makes an empty store unless there is a file. It is complete before it has its name, so a file found there that holds
 * no store is always damage, and is never taken for a new one. Of two processes that try at once, one wins.
 */
export function ensureStoreFile(path: string): void {
  if (existsSync(path)) return;
  if (existsSync(`${path}-wal`)) {
    throw new DomainError(
      "unavailable",
      "The record store's file is missing, but its log is there. Put the file back, or remove the log (its name ends " +
        "with -wal) to start with an empty store.",
    );
  }
  const draft = `${path}.new-${randomUUID()}`;
  try {
    closeSync(openSync(draft, "wx", 0o600));
    fillDraft(draft);
    giveName(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  sync(dirname(path));
}

/** The folder is for its owner only: SQLite gives the files beside the store the store's own mode. */
export function ensureFolder(folder: string): void {
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) sync(dirname(made));
}

function fillDraft(draft: string): void {
  const db = openDatabase(draft, { waitMs: 0 });
  try {
    // Nobody else knows the draft, and it is synced as a whole: no journal and no sync on the way.
    db.exec("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF");
    migrate(db);
    db.exec("PRAGMA journal_mode = WAL");
  } finally {
    db.close();
  }
  sync(draft);
}

function giveName(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
