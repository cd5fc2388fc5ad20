import type { DatabaseSync } from "node:sqlite";
import type { EncodedChange, EncodedCommit } from "./encode.ts";
import { failedOutcome, isBusy } from "./sqlite-errors.ts";
import type { CommitOutcome } from "./sqlite-messages.ts";

export interface CommitterOptions {
  /** The store's file. */
  readonly path: string;
  /** Runs in each transaction before anything is written; what it throws fails the batch. */
  readonly guard: () => void;
}

export type Committer = (commits: readonly EncodedCommit[]) => readonly CommitOutcome[];

/**
 * Applies waiting commits in one transaction and so with one sync of the disk. Each stands for itself: one that lost a
 * race, or does not fit on the disk, leaves the others alone. An empty commit proves that the store can be written.
 * Never throws.
 */
export function createCommitter(db: DatabaseSync, { path, guard }: CommitterOptions): Committer {
  const attempt = createAttempt(db);

  const together = (commits: readonly EncodedCommit[]): CommitOutcome[] => {
    db.exec("BEGIN IMMEDIATE");
    try {
      guard();
      const outcomes = commits.map(attempt);
      db.exec("COMMIT");
      return outcomes;
    } catch (error) {
      // A full disk may have ended the transaction already.
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  };

  const apply: Committer = (commits) => {
    try {
      return together(commits);
    } catch (error) {
      if (commits.length === 1 || isBusy(error)) return commits.map(() => failedOutcome(error, path));
      return commits.flatMap((commit) => apply([commit]));
    }
  };
  return apply;
}

function createAttempt(db: DatabaseSync): (commit: EncodedCommit) => CommitOutcome {
  const change = createChange(db);
  const probe = db.prepare("UPDATE probe SET checks = checks + 1");

  return (commit) => {
    if (commit.length === 0) probe.run();
    // One statement is all or nothing by itself.
    const whole = commit.length < 2;
    if (!whole) db.exec("SAVEPOINT one");
    const lost = commit.find((step) => !change(step));
    if (lost !== undefined && !whole) db.exec("ROLLBACK TO one");
    if (!whole) db.exec("RELEASE one");
    return lost === undefined ? { is: "done" } : { is: "lost", kind: lost.kind, id: lost.id };
  };
}

/** Answers whether the change found what it is based on. */
function createChange(db: DatabaseSync): (change: EncodedChange) => boolean {
  const insert = db.prepare(
    "INSERT INTO records (kind, id, version, text) VALUES (?, ?, 1, ?) ON CONFLICT (kind, id) DO NOTHING",
  );
  const replace = db.prepare(
    "UPDATE records SET version = version + 1, text = ? WHERE kind = ? AND id = ? AND version = ?",
  );
  const remove = db.prepare("DELETE FROM records WHERE kind = ? AND id = ? AND version = ?");

  return (change) => {
    const { kind, id } = change;
    if (change.op === "insert") return insert.run(kind, id, change.text).changes === 1;
    if (change.op === "remove") return remove.run(kind, id, change.version).changes === 1;
    return replace.run(change.text, kind, id, change.version).changes === 1;
  };
}
