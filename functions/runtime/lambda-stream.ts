import { finished } from "node:stream/promises";
import type { Writable } from "node:stream";
import { sourceOf } from "../http/stream.ts";

/** What AWS gives a function that answers as a stream. */
export type ResponseStream = Writable;

export interface LambdaContext {
  getRemainingTimeInMillis(): number;
}

interface AwsLambda {
  /** The SDK makes this object where there is none. */
  streamifyResponse?(
    handler: (event: unknown, stream: ResponseStream, context: LambdaContext) => Promise<void>,
  ): unknown;
  readonly HttpResponseStream?: {
    from(
      stream: ResponseStream,
      head: {
        readonly statusCode: number;
        readonly headers: Readonly<Record<string, string>>;
      },
    ): ResponseStream;
  };
}

declare global {
  // `var` is how a global is declared.
  var awslambda: AwsLambda | undefined;
}

/** Sends an answer as it comes; it ends with its source, when nobody listens any more, or by the signal. */
export async function sendStream(
  response: Response,
  stream: ResponseStream,
  ending: AbortSignal,
): Promise<void> {
  const out = headed(stream, response);
  const source = iteratorOf(response);
  const over = new AbortController();
  out.once("close", () => over.abort());
  const end = AbortSignal.any([ending, over.signal]);
  const left = new Promise<undefined>((resolve) => {
    end.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  try {
    // Nothing is sent, not even the head, before something is written.
    out.write("");
    for (;;) {
      const next = await Promise.race([source.next(), left]);
      if (next === undefined || next.done === true || end.aborted) break;
      if (!out.write(Uint8Array.from(next.value)))
        await Promise.race([new Promise((resolve) => void out.once("drain", resolve)), left]);
    }
  } finally {
    await source.return?.();
    out.end();
  }
  if (!out.destroyed) await finished(out);
}

/** The stream, which begins with the answer's head. */
function headed(stream: ResponseStream, { status, headers }: Response): ResponseStream {
  const head = { statusCode: status, headers: Object.fromEntries(headers) };
  return globalThis.awslambda?.HttpResponseStream?.from(stream, head) ?? stream;
}

/** The iterable that the answer was made of, which ends at once when it is left; else its body. */
function iteratorOf(response: Response): AsyncIterator<Uint8Array> {
  const source = sourceOf(response);
  if (source !== undefined && "iterator" in source) return source.iterator;
  return (response.body ?? new ReadableStream<Uint8Array>())[Symbol.asyncIterator]();
}
