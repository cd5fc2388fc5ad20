import type { Worker } from "node:worker_threads";
import { DomainError } from "../../core/errors.ts";
import type { EncodedCommit } from "./encode.ts";
import type { WriterReply, WriterRequest } from "./sqlite-messages.ts";

/** More than the writer waits for a lock: a writer that is silent for so long hangs in the disk. */
const ANSWER_MS = 30_000;
const CLOSE_MS = 10_000;

/** The writer as seen from the main thread. It is started when it is needed, and again after it died. */
export interface WriterThread {
  /**
   * One outcome per commit. One call at a time.
   * @throws `unavailable` when the thread dies or hangs; then nobody can know whether the commits are durable.
   */
  write(commits: readonly EncodedCommit[]): Promise<WriterReply>;
  /** Starts the thread, so that the first write does not wait for it. */
  warmUp(): void;
  /** Lets the thread close the store and waits for its end. No call may be under way, and none may follow. */
  end(): Promise<void>;
}

/** `start` makes the thread. While it has nothing to do it does not keep the process alive. */
export function createWriterThread(start: () => Worker): WriterThread {
  let worker: Worker | undefined;
  let pending: PromiseWithResolvers<WriterReply> | undefined;

  const lose = (which: Worker, reason: string, cause?: unknown): void => {
    if (which !== worker) return;
    worker = undefined;
    pending?.reject(new DomainError("unavailable", `The record store's writer ${reason}.`, { cause }));
  };

  const launch = (): Worker => {
    const made = start();
    made.on("message", (reply: WriterReply) => {
      if (made === worker) pending?.resolve(reply);
    });
    made.on("error", (error) => lose(made, "failed", error));
    made.on("exit", () => lose(made, "ended"));
    made.unref();
    return made;
  };

  const exchange = async (writer: Worker, request: WriterRequest): Promise<WriterReply> => {
    pending = Promise.withResolvers();
    const late = setTimeout(() => {
      lose(writer, "does not answer");
      void writer.terminate();
    }, ANSWER_MS);
    writer.ref();
    post(writer, request);
    try {
      return await pending.promise;
    } finally {
      clearTimeout(late);
      pending = undefined;
      writer.unref();
    }
  };

  return {
    async write(commits) {
      return exchange((worker ??= launch()), { do: "commit", commits });
    },
    warmUp() {
      worker ??= launch();
    },
    async end() {
      const last = worker;
      worker = undefined;
      if (last !== undefined) await ended(last);
    },
  };
}

async function ended(writer: Worker): Promise<void> {
  writer.ref();
  const exit = new Promise<void>((resolve) => writer.once("exit", () => resolve()));
  const late = setTimeout(() => void writer.terminate(), CLOSE_MS);
  post(writer, { do: "close" });
  await exit;
  clearTimeout(late);
}

function post(writer: Worker, request: WriterRequest): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  writer.postMessage(request);
}
