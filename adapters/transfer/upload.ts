import type { Digests, UploadOrder } from "../../core/ports/agent-tools.ts";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Transform } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { DomainError, isDomainError } from "../../core/errors.ts";
import type { UploadTarget } from "../../core/jobs/agent-messages.ts";
import { fileError } from "../archive/fs-errors.ts";
import { isPassing, open, TransferError } from "./http.ts";
import { Final, type Persistence, persist } from "./persistence.ts";

/** Large reads: the default of 64 KiB costs more in calls than in copying. */
const CHUNK_BYTES = 1024 * 1024;
/** Answers whose URL or place is used up: a new target may do. */
const RENEWED = new Set([401, 403, 404, 409, 412]);
const MAX_REFUSALS = 3;

export async function digest(file: string, signal: AbortSignal): Promise<Digests> {
  const [md5, sha256] = [createHash("md5"), createHash("sha256")];
  let size = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES, signal })) {
    if (!(chunk instanceof Uint8Array)) continue;
    size += chunk.length;
    md5.update(chunk);
    sha256.update(chunk);
  }
  return { size, md5: md5.digest("hex"), sha256: sha256.digest("hex") };
}

function base64(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64");
}

function counter(onBytes: (bytes: number) => void): Transform {
  let total = 0;
  return new Transform({
    highWaterMark: CHUNK_BYTES,
    transform(chunk: Uint8Array, _encoding, done) {
      total += chunk.length;
      onBytes(total);
      done(null, chunk);
    },
  });
}

/** One PUT. Resolves with the status; the server's words are left out, they could repeat the URL. */
async function put(
  order: UploadOrder,
  target: UploadTarget,
  digests: Digests,
  idleMs: number,
  onBytes: (bytes: number) => void,
): Promise<number> {
  const exchange = open(target.url, {
    method: target.method,
    idleMs,
    signal: order.signal,
    headers: {
      ...target.headers,
      "content-length": digests.size,
      "content-type": order.contentType ?? "application/octet-stream",
      "content-md5": base64(digests.md5),
      // Clients of the original look for it in the object's metadata.
      "x-amz-meta-md5sum": digests.md5,
      "repr-digest": `sha-256=:${base64(digests.sha256)}:`,
    },
  });
  try {
    const answered = exchange.answer();
    const source = createReadStream(order.file, { highWaterMark: CHUNK_BYTES });
    const sent = pipeline(source, counter(onBytes), exchange.request, { signal: order.signal });
    // a server may refuse before it has read everything; its answer says more than the broken pipe
    sent.catch(() => undefined);
    const { status, body } = await answered;
    if (status < 300) await Promise.all([sent, text(body)]);
    return status;
  } catch (error) {
    throw exchange.failure(error);
  } finally {
    exchange.request.destroy();
  }
}

function refusal(status: number): DomainError {
  if (status === 507) return new DomainError("unavailable", "The service has no space left (HTTP 507).");
  return new DomainError("unavailable", `The service refused it with HTTP ${status}.`);
}

async function freshTarget(order: UploadOrder): Promise<UploadTarget> {
  try {
    return await order.target();
  } catch (error) {
    throw isDomainError(error, "unavailable") ? error : new Final(error);
  }
}

async function send(
  order: UploadOrder,
  digests: Digests,
  persistence: Persistence & { readonly idleMs: number },
) {
  let refusals = 0;
  const attempt = async (advanced: () => void): Promise<void> => {
    const status = await put(order, await freshTarget(order), digests, persistence.idleMs, (bytes) => {
      advanced();
      order.onProgress(bytes, digests.size);
    });
    if (status >= 200 && status < 300) return;
    refusals += 1;
    const again = isPassing(status) || (refusals < MAX_REFUSALS && (RENEWED.has(status) || status === 422));
    throw again ? refusal(status) : new Final(refusal(status));
  };
  const onRetry = (error: unknown): void =>
    order.onRetry(error instanceof Error ? error.message : "unknown reason");
  await persist(attempt, persistence, onRetry, order.signal);
}

/**
 * Sends a file as one PUT with its digests, again and again to fresh targets within a bounded time.
 * @throws `unavailable` when the service does not take it; the signal's reason; whatever `target` throws but
 * `unavailable`.
 */
export async function upload(
  order: UploadOrder,
  persistence: Persistence & { readonly idleMs: number },
): Promise<Digests> {
  try {
    const digests = await digest(order.file, order.signal);
    await send(order, digests, persistence);
    return digests;
  } catch (error) {
    order.signal.throwIfAborted();
    if (error instanceof TransferError) throw new DomainError("unavailable", error.message, { cause: error });
    throw fileError(error, "reading what is sent");
  }
}
