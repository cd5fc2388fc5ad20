import { closeSync, openSync, readSync, realpathSync } from "node:fs";
import { fileIdentity } from "./sqlite-connection.ts";

/**
 * The header of the wal-index that each commit rewrites: two equal copies of 48 bytes at the beginning of the file, see
 * "WAL-Mode File Format", section 2.1, of SQLite's documentation. The second copy is written first.
 */
const COPY_BYTES = 48;

export interface WalIndex {
  /** A number that stays the same while nobody, of whatever process, has committed. */
  version(): number;
  /** To be called when all connections of the store are closed. */
  release(): void;
}

interface Shared {
  readonly fd: number;
  readonly identity: string;
  users: number;
}

/**
 * POSIX drops every lock that a process has on a file when it closes any descriptor of it, those of SQLite included. So
 * all stores of one file share one descriptor, closed by the last of them.
 */
const open = new Map<string, Shared>();

/**
 * Watches the wal-index of a store to which a connection is open. One short read instead of the read transaction that
 * `PRAGMA data_version` begins and ends, with its locks.
 */
export function openWalIndex(path: string): WalIndex {
  const shared = acquire(`${realpathSync(path)}-shm`);
  const now = Buffer.alloc(2 * COPY_BYTES);
  const last = Buffer.alloc(2 * COPY_BYTES);
  let version = 0;
  return {
    version() {
      const length = readSync(shared.fd, now, 0, now.length, 0);
      if (now.equals(last)) return version;
      // A header in the middle of being written is no number to come back to.
      if (length === now.length && now.compare(now, COPY_BYTES, 2 * COPY_BYTES, 0, COPY_BYTES) === 0)
        now.copy(last);
      else last.fill(0);
      return (version += 1);
    },
    release: () => release(shared),
  };
}

function acquire(file: string): Shared {
  const identity = fileIdentity(file);
  const known = open.get(identity);
  const shared = known ?? { fd: openSync(file, "r"), identity, users: 0 };
  open.set(identity, shared);
  shared.users += 1;
  return shared;
}

function release(shared: Shared): void {
  shared.users -= 1;
  if (shared.users > 0) return;
  open.delete(shared.identity);
  closeSync(shared.fd);
}
