import { type EventStream, type ServerEvent } from "./endpoint.ts";
import { streamResponse } from "./stream.ts";

/** Proxies and clients take a connection that is silent for longer for a dead one. */
const KEEP_ALIVE_MS = 15_000;
/** When a client should ask again after its connection was lost. */
const RETRY_MS = 2000;
/** A client that takes nothing for so long is cut off; it can go on where it was. */
const STALL_MS = 60_000;

/** Answers Server-Sent Events (WHATWG HTML, 9.2), or 204 when there is nothing to come: the client then stops asking. */
export function eventStreamResponse(request: Request, { events }: EventStream): Response {
  if (events === undefined) return new Response(null, { status: 204 });
  const headers = {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    // So that nginx passes events on as they come.
    "x-accel-buffering": "no",
  };
  if (request.method === "HEAD") return new Response(null, { status: 200, headers });
  return streamResponse(eventBytes(events), { status: 200, headers, stallMs: STALL_MS });
}

const KEEP_ALIVE = Buffer.from(": still here\n\n");

/** What is sent: a hint first, then each event, and a comment whenever there was none for long. */
function eventBytes(events: AsyncIterable<ServerEvent>): AsyncIterableIterator<Uint8Array> {
  const source = events[Symbol.asyncIterator]();
  let begun = false;
  let coming: Promise<IteratorResult<ServerEvent>> | undefined;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (!begun) {
        begun = true;
        return { done: false, value: Buffer.from(`retry: ${RETRY_MS}\n\n`) };
      }
      const next = await soon((coming ??= source.next()));
      if (next === undefined) return { done: false, value: KEEP_ALIVE };
      coming = undefined;
      return next.done === true ? next : { done: false, value: encoded(next.value) };
    },
    async return() {
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
}

async function soon<T>(work: Promise<T>): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, KEEP_ALIVE_MS, undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Many clients get the same event; its text is made once. */
const made = new WeakMap<ServerEvent["data"] & object, { readonly id: string; readonly bytes: Uint8Array }>();

function encoded({ event, id = "", data }: ServerEvent): Uint8Array {
  if (typeof data === "string") return encode(event, id, Buffer.from(data).toString("latin1"));
  const known = made.get(data);
  if (known?.id === id) return known.bytes;
  // Byte by byte, so that a character of which a part is still to come stays as it is.
  const bytes = encode(event, id, Buffer.from(data.buffer, data.byteOffset, data.length).toString("latin1"));
  made.set(data, { id, bytes });
  return bytes;
}

function encode(event: string, id: string, latin1: string): Uint8Array {
  const lines = latin1.replace(/\r?\n$/u, "").replaceAll(/\r\n|\r|\n/gu, "\ndata: ");
  const head = id === "" ? `event: ${event}\n` : `event: ${event}\nid: ${id}\n`;
  return Buffer.from(`${head}data: ${lines}\n\n`, "latin1");
}
