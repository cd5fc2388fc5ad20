// The writer thread. It imports little on purpose: the first commit waits for it to be up.
import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { DomainError } from "../../core/errors.ts";
import type { EncodedCommit } from "./encode.ts";
import { createCommitter, type Committer } from "./sqlite-committer.ts";
import { failedOutcome } from "./sqlite-errors.ts";
import { fileIdentity, openDatabase } from "./sqlite-connection.ts";
import type { WriterData, WriterReply, WriterRequest } from "./sqlite-messages.ts";
import { refuseOtherVersion } from "./sqlite-schema.ts";

/** How long another process on this host may hold the store's lock. */
const WAIT_MS = 10_000;

const { path, identity }: WriterData = workerData;
let open: { readonly db: DatabaseSync; readonly commit: Committer } | undefined;

parentPort?.on("message", (request: WriterRequest) => {
  if (request.do === "commit") {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage(answer(request.commits));
  } else {
    open?.db.close();
    parentPort?.close();
  }
});

function answer(commits: readonly EncodedCommit[]): WriterReply {
  try {
    open ??= openWriter();
  } catch (error) {
    return commits.map(() => failedOutcome(error, path));
  }
  return open.commit(commits);
}

function openWriter(): NonNullable<typeof open> {
  const db = openDatabase(path, { waitMs: WAIT_MS });
  try {
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;
             PRAGMA checkpoint_fullfsync = ON; PRAGMA journal_size_limit = 16777216`);
    const guard = (): void => {
      refuseOtherVersion(db);
      refuseOtherFile();
    };
    return { db, commit: createCommitter(db, { path, guard }) };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Somebody put a backup in its place, say: what is written to the old file would be acknowledged and lost. */
function refuseOtherFile(): void {
  if (fileIdentity(path) === identity) return;
  throw new DomainError(
    "unavailable",
    "The record store's file was removed or replaced while it was in use. Restart the service.",
  );
}
