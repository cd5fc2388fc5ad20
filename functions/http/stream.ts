/** What an answer is made of, for a runtime that has a shorter way out than the web stream: read one or the other. */
export type Source = Stream | Pieces;

export interface Stream {
  readonly iterator: AsyncIterator<Uint8Array>;
  /** A reader that takes nothing for so many milliseconds is given up; absent: never. */
  readonly stallMs: number | undefined;
}

export interface Pieces {
  readonly pieces: readonly Uint8Array[];
}

const sources = new WeakMap<Response, Source>();

export function sourceOf(response: Response): Source | undefined {
  return sources.get(response);
}

/**
 * Answers the chunks of an iterable, which are lent only until the next one is asked for: for the web stream they are
 * copied. A reader that goes away ends the iteration, which frees what it holds.
 */
export function streamResponse(
  iterable: AsyncIterable<Uint8Array>,
  { stallMs, ...init }: ResponseInit & { readonly stallMs?: number } = {},
): Response {
  const iterator = iterable[Symbol.asyncIterator]();
  return remember({ iterator, stallMs }, webStream(iterator), init);
}

/** Answers these pieces one after the other. They are shared by many answers and never change. */
export function piecesResponse(pieces: readonly Uint8Array[], init: ResponseInit): Response {
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const headers = new Headers(init.headers);
  headers.set("content-length", String(bytes));
  return remember({ pieces }, webStream(oneByOne(pieces)), { ...init, headers });
}

function remember(source: Source, body: ReadableStream<Uint8Array>, init: ResponseInit): Response {
  const response = new Response(body, init);
  sources.set(response, source);
  return response;
}

async function* oneByOne(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

function webStream(iterator: AsyncIterator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
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
}
