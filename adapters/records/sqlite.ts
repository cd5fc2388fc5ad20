import { dirname, resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { DomainError } from "../../core/errors.ts";
import type { Records } from "../../core/ports/records.ts";
import { asDomainError } from "../process/errors.ts";
import { encodeCommit } from "./encode.ts";
import { refuseNetworkFileSystem } from "./network-file-system.ts";
import { patiently } from "./patiently.ts";
import { fileIdentity, openDatabase } from "./sqlite-connection.ts";
import { isSqliteError, storeError } from "./sqlite-errors.ts";
import { ensureFolder, ensureStoreFile } from "./sqlite-file.ts";
import type { WriterData } from "./sqlite-messages.ts";
import { createWriteQueue } from "./sqlite-queue.ts";
import { createListings, type Listings } from "./sqlite-listings.ts";
import { createReader, type Reader } from "./sqlite-reader.ts";
import { createWriterThread } from "./sqlite-thread.ts";
import { openWalIndex, type WalIndex } from "./sqlite-wal-index.ts";
import { migrate, SCHEMA_VERSION, storedVersion } from "./sqlite-schema.ts";

/** The writer is started after what the service does first, but before most first commits. */
const WARM_UP_MS = 50;

export interface SqliteConfig {
  /** The store's file. It is made, for its owner only, when there is none; so is its folder. */
  readonly path: string;
}

/**
 * Records in one SQLite file on a disk of this host. Several processes of one host may use it at once.
 * @throws `unavailable` when the file is on a network file system, damaged, or of a newer version
 */
export async function createSqliteRecords(config: SqliteConfig): Promise<Records> {
  const path = resolve(config.path);
  const { db, walIndex, reader, listings, identity } = await openStore(path);
  const writer = createWriterThread(() => startWriter({ path, identity }));
  const queue = createWriteQueue(writer);
  const warmUp = setTimeout(() => writer.warmUp(), WARM_UP_MS).unref();
  let closing: Promise<void> | undefined;
  const closed = () => new DomainError("unavailable", "The record store is closed.");
  const open = (): void => {
    if (closing !== undefined) throw closed();
  };
  /** Without a turn of its own: what reads cost is for a good part the promises they are handed on by. */
  const reading = <T>(read: () => Promise<T>): Promise<T> =>
    closing === undefined ? read() : Promise.reject(closed());

  const close = async (): Promise<void> => {
    clearTimeout(warmUp);
    // The writer must be the last to let go: that one writes the log back, which takes time.
    await listings.close();
    db.close();
    await queue.drain();
    await writer.end();
    walIndex.release();
  };

  return {
    get: (kind, id) => reading(() => reader.get(kind, id)),
    list: (kind, page = {}) => reading(() => reader.list(kind, page)),
    getJson: (kind, id) => reading(() => reader.getJson(kind, id)),
    listJson: (kind) => reading(() => listings.list(kind)),
    async commit(changes) {
      open();
      const commit = encodeCommit(changes);
      if (commit.length > 0) await queue.submit(commit);
    },
    async check() {
      open();
      await reader.get("image", "");
      await queue.submit([]);
    },
    close: () => (closing ??= close()),
  };
}

interface OpenStore {
  readonly db: DatabaseSync;
  readonly walIndex: WalIndex;
  readonly reader: Reader;
  readonly listings: Listings;
  readonly identity: string;
}

async function openStore(path: string): Promise<OpenStore> {
  try {
    ensureFolder(dirname(path));
    refuseNetworkFileSystem(dirname(path));
    ensureStoreFile(path);
    refuseNetworkFileSystem(path);
  } catch (error) {
    throw isSqliteError(error)
      ? storeError(error, path)
      : asDomainError(error, "The record store cannot be opened.");
  }
  return patiently(path, () => openReader(path));
}

function openReader(path: string): OpenStore {
  const identity = fileIdentity(path);
  const db = openDatabase(path, { waitMs: 0 });
  try {
    if (storedVersion(db) < SCHEMA_VERSION) migrate(db);
    db.exec("PRAGMA query_only = ON");
    const listings = createListings(path);
    const walIndex = openWalIndex(path);
    return { db, walIndex, reader: createReader(db, walIndex, path), listings, identity };
  } catch (error) {
    db.close();
    throw error;
  }
}

function startWriter(workerData: WriterData): Worker {
  // In a bundle the writer is a file beside it.
  const file = import.meta.url.endsWith(".ts") ? "./sqlite-writer.ts" : "./sqlite-writer.mjs";
  return new Worker(new URL(file, import.meta.url), { workerData, execArgv: [], env: {} });
}
