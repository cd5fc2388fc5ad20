import { takenNoMore } from "../../signed-part.ts";

/**
 * The parts that this process is taking, by upload, so that they can be made to stop: a connection that broke without a
 * word would be waited for much longer than an upload takes to be completed.
 */
export function createWriters() {
  const running = new Map<string, Map<Promise<unknown>, AbortController>>();

  return {
    async run<T>(id: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
      const ending = new AbortController();
      const writers = running.get(id) ?? new Map<Promise<unknown>, AbortController>();
      running.set(id, writers);
      const writing = work(ending.signal);
      writers.set(writing, ending);
      try {
        return await writing;
      } finally {
        writers.delete(writing);
        if (writers.size === 0 && running.get(id) === writers) running.delete(id);
      }
    },
    /** Resolves when none of them writes any more. */
    async stop(id: string): Promise<void> {
      const writers = [...(running.get(id) ?? [])];
      for (const [, ending] of writers) ending.abort(takenNoMore());
      await Promise.allSettled(writers.map(([writing]) => writing));
    },
  };
}

/** The source until the signal aborts, even while nothing comes from it. */
export async function* endedBy(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  ended.catch(() => undefined);
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await Promise.race([iterator.next(), ended]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // A source that is stuck ends when its connection does.
    iterator.return?.()?.catch(() => undefined);
  }
}
