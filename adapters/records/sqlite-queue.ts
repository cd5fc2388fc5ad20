import { DomainError } from "../../core/errors.ts";
import { lostRace, type EncodedCommit } from "./encode.ts";
import { failedOutcome } from "./sqlite-errors.ts";
import type { CommitOutcome, WriterReply } from "./sqlite-messages.ts";
import type { WriterThread } from "./sqlite-thread.ts";

/** Bounds the memory of one message and the length of one transaction. */
const BATCH_LIMIT = 1000;

export interface WriteQueue {
  /** Resolves when the commit is durable. @throws `lost-race`, `unavailable`, `storage-full` */
  submit(commit: EncodedCommit): Promise<void>;
  /** Waits for the commits under way. Nothing may be submitted after it. */
  drain(): Promise<void>;
}

interface Waiting {
  readonly commit: EncodedCommit;
  readonly settle: (outcome: CommitOutcome | undefined) => void;
}

/**
 * Hands commits to the writer, one batch at a time: what arrives while a batch is written makes up the next one, hence
 * batches grow with the load. A batch that the writer does not survive fails; the next one gets a new writer.
 */
export function createWriteQueue(thread: Pick<WriterThread, "write">): WriteQueue {
  const waiting: Waiting[] = [];
  let writing: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    // What is submitted in the same turn shares the first batch.
    await Promise.resolve();
    while (waiting.length > 0) await writeBatch(thread, waiting.splice(0, BATCH_LIMIT));
    writing = undefined;
  };

  return {
    submit: (commit) =>
      new Promise((resolve, reject) => {
        waiting.push({
          commit,
          settle: (outcome) => (outcome?.is === "done" ? resolve() : reject(asError(outcome))),
        });
        writing ??= run();
      }),
    async drain() {
      await writing;
    },
  };
}

async function writeBatch(thread: Pick<WriterThread, "write">, batch: readonly Waiting[]): Promise<void> {
  const outcomes = await writeAll(
    thread,
    batch.map(({ commit }) => commit),
  );
  for (const [index, { settle }] of batch.entries()) settle(outcomes[index]);
}

async function writeAll(
  thread: Pick<WriterThread, "write">,
  commits: readonly EncodedCommit[],
): Promise<WriterReply> {
  try {
    return await thread.write(commits);
  } catch (error) {
    return commits.map(() => failedOutcome(error));
  }
}

function asError(outcome: Exclude<CommitOutcome, { is: "done" }> | undefined): DomainError {
  if (outcome === undefined)
    return new DomainError("unavailable", "The record store's writer skipped a commit.");
  if (outcome.is === "lost") return lostRace(outcome);
  return new DomainError(outcome.code, outcome.message, { cause: outcome.cause });
}
