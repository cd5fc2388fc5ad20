export interface Source {
  readonly iterator: AsyncIterator<Uint8Array>;
  /** A reader that takes nothing for so many milliseconds is given up; absent: never. */
  readonly stallMs: number | undefined;
}

const sources = new WeakMap<ReadableStream, Source>();

/**
 * The web stream of an iterable, whose chunks are lent only until the next one is asked for: they are copied. A reader
 * that goes away ends the iteration, which frees what it holds.
 */
export function streamOf(
  iterable: AsyncIterable<Uint8Array>,
  { stallMs }: { readonly stallMs?: number } = {},
): ReadableStream<Uint8Array> {
  const iterator = iterable[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await iterator.next();
        if (next.done === true) controller.close();
        else controller.enqueue(new Uint8Array(next.value));
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 }, // nothing is taken before somebody reads: the source may be read instead
  );
  sources.set(stream, { iterator, stallMs });
  return stream;
}

/** What a stream of `streamOf` was made from, for a runtime that has a shorter way out: read one or the other. */
export function sourceOf(stream: ReadableStream): Source | undefined {
  return sources.get(stream);
}
