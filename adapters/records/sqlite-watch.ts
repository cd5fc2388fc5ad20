import type { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { patiently } from "./patiently.ts";
import type { WalIndex } from "./sqlite-wal-index.ts";

/**
 * Reads a number that stays the same while no other connection has committed, whatever process it is of. Numbers of two
 * connections say nothing of each other.
 */
export function createDataVersion(db: DatabaseSync): () => number {
  const pragma = db.prepare("PRAGMA data_version");
  return () => Number(pragma.get()?.["data_version"]);
}

/**
 * Such a number for many callers, of the wal-index: those that ask within one turn of the main thread share one reading, which is made at the
 * turn's end and so sees every commit that was answered before any of them asked.
 */
export function createSharedVersion(walIndex: WalIndex, path: string): () => Promise<number> {
  let asked: Promise<number> | undefined;
  const readOnce = async (): Promise<number> => {
    await nextTurn();
    asked = undefined;
    return await patiently(path, () => walIndex.version());
  };
  return () => (asked ??= readOnce());
}
