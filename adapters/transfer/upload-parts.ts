import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { PartsTarget } from "../../core/jobs/agent-messages.ts";
import type { Digests, UploadOrder } from "../../core/ports/agent-tools.ts";
import { isPassing, open } from "./http.ts";
import { Final, type Persistence, persist } from "./persistence.ts";
import { asked, base64, CHUNK_BYTES, digest, MAX_REFUSALS, refusal, RENEWED } from "./sending.ts";

/** As many parts are on their way at once. */
const LANES = 3;

interface Part {
  readonly number: number;
  readonly start: number;
  readonly size: number;
}

interface Sending {
  readonly order: UploadOrder;
  readonly target: PartsTarget;
  readonly persistence: Persistence & { readonly idleMs: number };
  readonly advanced: (part: Part, bytes: number) => void;
}

/**
 * Sends what is not there yet, each part by a URL that is asked for when its turn comes, while the whole is digested; then
 * says that all is there. A part that breaks off is sent again, not the others.
 */
export async function uploadParts(
  order: UploadOrder,
  target: PartsTarget,
  size: number,
  persistence: Persistence & { readonly idleMs: number },
): Promise<Digests> {
  const useless = new AbortController();
  const signal = AbortSignal.any([order.signal, useless.signal]);
  const bytesOf = new Map<number, number>();
  const advanced = (part: Part, bytes: number): void => {
    bytesOf.set(part.number, bytes);
    order.onProgress(
      [...bytesOf.values()].reduce((sum, each) => sum + each, 0),
      size,
    );
  };
  const sending = { order: { ...order, signal }, target, persistence, advanced };
  const work = [digest(order.file, signal), sendMissing(sending, partsOf(size, target.part_size))] as const;
  try {
    const [digests] = await Promise.all(work);
    const complete = () => asked(() => order.parts.complete(target.upload, digests));
    await persisted(sending, complete);
    return digests;
  } catch (error) {
    useless.abort(error);
    await Promise.allSettled(work);
    throw error;
  }
}

function partsOf(size: number, partBytes: number): readonly Part[] {
  const count = Math.max(1, Math.ceil(size / partBytes));
  return Array.from({ length: count }, (_, at) => ({
    number: at + 1,
    start: at * partBytes,
    size: Math.min(partBytes, size - at * partBytes),
  }));
}

async function sendMissing(sending: Sending, parts: readonly Part[]): Promise<void> {
  const { order, target } = sending;
  const there = await persisted(sending, () => asked(() => order.parts.there(target.upload)));
  const has = (part: Part) =>
    there.some((each) => each.part_number === part.number && each.size === part.size);
  for (const part of parts.filter(has)) sending.advanced(part, part.size);
  const missing = parts.filter((part) => !has(part)).values();
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      for (const part of missing) await sendPart(sending, part);
    }),
  );
}

async function persisted<T>(
  { order, persistence }: Sending,
  work: (advanced: () => void) => Promise<T>,
): Promise<T> {
  const onRetry = (error: unknown): void =>
    order.onRetry(error instanceof Error ? error.message : "unknown reason");
  return await persist(work, persistence, onRetry, order.signal);
}

async function sendPart(sending: Sending, part: Part): Promise<void> {
  let refusals = 0;
  await persisted(sending, async (advanced) => {
    const url = await asked(() => sending.order.parts.url(sending.target.upload, part.number));
    const status = await putPart(sending, part, url, advanced);
    if (status < 300) return;
    refusals += 1;
    const again = isPassing(status) || (refusals < MAX_REFUSALS && (RENEWED.has(status) || status === 400));
    throw again ? refusal(status) : new Final(refusal(status));
  });
}

/** The receiver compares what comes with the MD5 that is sent along. */
async function putPart(
  { order, persistence, advanced }: Sending,
  part: Part,
  url: string,
  onBytes: () => void,
): Promise<number> {
  const md5 = await md5Of(order, part);
  const exchange = open(url, {
    method: "PUT",
    idleMs: persistence.idleMs,
    signal: order.signal,
    headers: { "content-length": part.size, "content-md5": base64(md5) },
  });
  try {
    const answered = exchange.answer();
    const sent = pipeline(counted(read(order, part), part, advanced, onBytes), exchange.request);
    // a server may refuse before it has read everything; its answer says more than the broken pipe
    sent.catch(() => undefined);
    const { status, body } = await answered;
    if (status >= 300) return status;
    await Promise.all([sent, text(body)]);
    return status;
  } catch (error) {
    throw exchange.failure(error);
  } finally {
    exchange.request.destroy();
  }
}

function read({ file, signal }: UploadOrder, { start, size }: Part): AsyncIterable<unknown> {
  if (size === 0) return nothing();
  return createReadStream(file, { start, end: start + size - 1, highWaterMark: CHUNK_BYTES, signal });
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* counted(
  source: AsyncIterable<unknown>,
  part: Part,
  advanced: Sending["advanced"],
  onBytes: () => void,
): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const chunk of source) {
    if (!(chunk instanceof Uint8Array)) continue;
    sent += chunk.length;
    onBytes();
    advanced(part, sent);
    yield chunk;
  }
}

async function md5Of(order: UploadOrder, part: Part): Promise<string> {
  const md5 = createHash("md5");
  for await (const chunk of read(order, part)) if (chunk instanceof Uint8Array) md5.update(chunk);
  return md5.digest("hex");
}
