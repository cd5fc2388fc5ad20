import { Worker } from "node:worker_threads";
import * as v from "valibot";
import { DomainError } from "../../../core/errors.ts";
import { Md5Reply, type Md5Request } from "./md5-messages.ts";

/** The MD5 sum of one content, computed beside the main thread. */
export interface Md5Session {
  /**
   * Takes the bytes' memory away and resolves with it when it may be used again. Calls are taken in order, no need to
   * wait in between.
   */
  update(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
  /** Lower-case hex, of all bytes so far. */
  digest(): Promise<string>;
  /** To be called once, at the end or before it. */
  close(): void;
}

/** How long a thread with nothing to do is kept, for the next upload. */
const IDLE_MILLISECONDS = 10_000;
/** The thread keeps no data of its own: a small heap is enough, and saves memory. */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 };

interface Waiter {
  readonly resolve: (reply: Md5Reply) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Opens sessions on one shared thread, which runs only while there are any, and a little longer. MD5 takes as long as all
 * else that happens to an upload's bytes: on two processors a thread for it halves the time.
 */
export function createMd5Thread(): () => Md5Session {
  let thread: Thread | undefined;
  let sessions = 0;
  return () => {
    if (thread === undefined || thread.ended()) thread = startThread();
    sessions += 1;
    return openSession(thread, sessions);
  };
}

type Thread = ReturnType<typeof startThread>;

function startThread() {
  // In a bundle the thread's program is a file beside it.
  const program = import.meta.url.endsWith(".ts") ? "./md5-thread.ts" : "./md5-thread.mjs";
  const worker = new Worker(new URL(program, import.meta.url), {
    execArgv: [],
    env: {},
    resourceLimits: LIMITS,
  });
  const waiting = new Map<number, Waiter[]>();
  const state = { ended: false };
  let idle: NodeJS.Timeout | undefined;

  const end = (cause: unknown): void => {
    state.ended = true;
    const error = new DomainError("unavailable", "The thread that computes digests has ended.", { cause });
    for (const waiter of [...waiting.values()].flat()) waiter.reject(error);
    waiting.clear();
  };
  worker.on("message", (message: unknown) => {
    const reply = v.parse(Md5Reply, message);
    waiting.get(reply.session)?.shift()?.resolve(reply);
  });
  worker.on("error", end);
  worker.on("exit", end);

  return {
    ended: () => state.ended,
    enter(session: number): void {
      clearTimeout(idle);
      worker.ref();
      waiting.set(session, []);
    },
    send: (request: Md5Request): void =>
      worker.postMessage(request, request.do === "update" ? [request.bytes.buffer] : []),
    answer: (session: number): Promise<Md5Reply> =>
      new Promise((resolve, reject) => {
        const waiters = waiting.get(session);
        if (waiters === undefined) reject(new DomainError("unavailable", "Digests cannot be computed."));
        else waiters.push({ resolve, reject });
      }),
    leave(session: number): void {
      waiting.delete(session);
      if (waiting.size > 0) return;
      worker.unref();
      idle = setTimeout(() => {
        state.ended = true;
        void worker.terminate();
      }, IDLE_MILLISECONDS).unref();
    },
  };
}

function openSession(thread: Thread, session: number): Md5Session {
  thread.enter(session);
  return {
    async update(bytes) {
      thread.send({ do: "update", session, bytes });
      const reply = await thread.answer(session);
      if (reply.bytes === undefined)
        throw new DomainError("unavailable", "The digest thread lost an upload's bytes.");
      return reply.bytes.buffer;
    },
    async digest() {
      thread.send({ do: "digest", session });
      return v.parse(v.string(), (await thread.answer(session)).md5);
    },
    close() {
      thread.send({ do: "forget", session });
      thread.leave(session);
    },
  };
}
