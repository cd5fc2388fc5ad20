import { ServerResponse } from "node:http";
import type { Http2Bindings, HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Telemetry } from "../../core/ports/telemetry.ts";
import { type Pieces, sourceOf, type Stream } from "../http/stream.ts";

/**
 * Sends an answer that was made of an iterable or of ready pieces without the detour over a web stream: chunks go to the
 * socket as they are, and their memory is used again. Any other answer is left to the server.
 */
export function sendDirectly(
  response: Response,
  { outgoing }: HttpBindings | Http2Bindings,
  telemetry: Telemetry,
): Response | Promise<Response> {
  const source = sourceOf(response);
  if (source === undefined || !(outgoing instanceof ServerResponse)) return response;
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  return "pieces" in source ? sendPieces(outgoing, source) : stream(outgoing, source, response, telemetry);
}

/** All at once: they are in memory already, shared with other answers, and the kernel takes them when it can. */
function sendPieces(outgoing: ServerResponse, { pieces }: Pieces): Response {
  outgoing.cork();
  for (const piece of pieces) outgoing.write(piece);
  outgoing.end();
  return RESPONSE_ALREADY_SENT;
}

async function stream(
  outgoing: ServerResponse,
  source: Stream,
  { headers }: Response,
  telemetry: Telemetry,
): Promise<Response> {
  outgoing.flushHeaders();
  try {
    await send(outgoing, source);
  } catch (error) {
    // The status has gone out: a connection that breaks off is the only way left to say that this is not all.
    outgoing.destroy();
    const request_id = headers.get("x-request-id");
    telemetry.emit({ event: "answer-broken", level: "error", request_id, reason: String(error) });
  }
  return RESPONSE_ALREADY_SENT;
}

/** The source is told at once when whoever asked has gone: it may be waiting for something to say. */
async function send(outgoing: ServerResponse, { iterator, stallMs }: Stream): Promise<void> {
  try {
    for (;;) {
      const next = await unlessGone(outgoing, iterator.next());
      if (next === undefined) return;
      if (next.done === true) return void outgoing.end();
      if ((await unlessStalled(outgoing, stallMs, written(outgoing, next.value))) !== true) return;
    }
  } finally {
    await iterator.return?.();
  }
}

/** The same as `unlessGone`; a client that takes nothing for so long is cut off. */
async function unlessStalled<T>(
  outgoing: ServerResponse,
  stallMs: number | undefined,
  work: Promise<T>,
): Promise<T | undefined> {
  const timer = stallMs === undefined ? undefined : setTimeout(() => outgoing.destroy(), stallMs);
  try {
    return await unlessGone(outgoing, work);
  } finally {
    clearTimeout(timer);
  }
}

/** What is waited for, or `undefined` when whoever asked has gone meanwhile. */
function unlessGone<T>(outgoing: ServerResponse, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const gone = (): void => resolve(undefined);
    if (outgoing.destroyed) gone();
    outgoing.once("close", gone);
    void work.then(resolve, reject).finally(() => outgoing.off("close", gone));
  });
}

/** True when the chunk has gone out and its memory is free again. */
function written(outgoing: ServerResponse, chunk: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    outgoing.write(chunk, (error) => resolve(error === undefined || error === null));
  });
}
