import type { Digests, UploadOrder } from "../../core/ports/agent-tools.ts";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { Transform } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { DomainError } from "../../core/errors.ts";
import type { PutTarget } from "../../core/jobs/agent-messages.ts";
import { fileError } from "../archive/fs-errors.ts";
import { isPassing, open, TransferError } from "./http.ts";
import { Final, type Persistence, persist } from "./persistence.ts";
import { asked, base64, CHUNK_BYTES, digest, MAX_REFUSALS, refusal, RENEWED } from "./sending.ts";
import { uploadParts } from "./upload-parts.ts";

/** Hands bytes on, and finds out their number and their SHA-256. */
function createMeasure(onBytes: (bytes: number) => void) {
  const sha256 = createHash("sha256");
  let total = 0;
  const stream = new Transform({
    highWaterMark: CHUNK_BYTES,
    transform(chunk: Uint8Array, _encoding, done) {
      total += chunk.length;
      sha256.update(chunk);
      onBytes(total);
      done(null, chunk);
    },
  });
  return { stream, sha256: () => sha256.digest("hex") };
}

/** What a server says of the bytes that came: `Repr-Digest`, RFC 9530. */
function answeredDigest(headers: IncomingHttpHeaders, algorithm: "sha-256" | "md5"): string | undefined {
  const base64 = new RegExp(`(?:^|, *)${algorithm}=:([\\w+/=]+):`, "u").exec(
    String(headers["repr-digest"]),
  )?.[1];
  return base64 === undefined ? undefined : Buffer.from(base64, "base64").toString("hex");
}

function digestHeaders({ md5, sha256 }: Digests): Record<string, string> {
  return {
    "content-md5": base64(md5),
    "repr-digest": `sha-256=:${base64(sha256)}:`,
  };
}

/** What is known of the file before it is sent: its size, and its digests where the server does not answer them. */
type Known = Pick<Digests, "size"> & Partial<Digests>;

interface Put {
  readonly target: PutTarget;
  readonly known: Known;
  readonly idleMs: number;
  readonly onBytes: (bytes: number) => void;
}

/** One PUT. The server's words are left out, they could repeat the URL. */
async function put(
  order: UploadOrder,
  { target, known, idleMs, onBytes }: Put,
): Promise<{ readonly status: number; readonly digests?: Digests }> {
  const { size, md5, sha256 } = known;
  const digests = md5 === undefined || sha256 === undefined ? undefined : { size, md5, sha256 };
  const exchange = open(target.url, {
    method: target.method,
    idleMs,
    signal: order.signal,
    headers: {
      ...target.headers,
      "content-length": size,
      "content-type": order.contentType ?? "application/octet-stream",
      ...(digests === undefined ? {} : digestHeaders(digests)),
    },
  });
  try {
    const answered = exchange.answer();
    const source = createReadStream(order.file, { highWaterMark: CHUNK_BYTES });
    const measure = createMeasure(onBytes);
    const sent = pipeline(source, measure.stream, exchange.request, { signal: order.signal });
    // a server may refuse before it has read everything; its answer says more than the broken pipe
    sent.catch(() => undefined);
    const { status, headers, body } = await answered;
    if (status >= 300) return { status };
    await Promise.all([sent, text(body)]);
    return { status, digests: digests ?? agreed(headers, { size, sha256: measure.sha256() }) };
  } catch (error) {
    throw exchange.failure(error);
  } finally {
    exchange.request.destroy();
  }
}

/** Of what was sent and of what came. @throws TransferError when they differ. */
function agreed(headers: IncomingHttpHeaders, sent: Omit<Digests, "md5">): Digests {
  const [md5, sha256] = [answeredDigest(headers, "md5"), answeredDigest(headers, "sha-256")];
  if (md5 !== undefined && sha256 === sent.sha256) return { ...sent, md5 };
  throw new TransferError(
    sha256 === undefined || md5 === undefined
      ? "The service did not tell the digests of what came."
      : "What came is not what was sent.",
  );
}

async function send(order: UploadOrder, persistence: Persistence & { readonly idleMs: number }) {
  const { size } = await stat(order.file);
  let known: Known = { size };
  let refusals = 0;
  const attempt = async (advanced: () => void): Promise<Digests> => {
    const target = await asked(() => order.target(size));
    if (target.method === "PARTS") return await inParts(order, target, size, persistence);
    if (target.answers_digests !== true && known.md5 === undefined)
      known = await digest(order.file, order.signal);
    const onBytes = (bytes: number): void => {
      advanced();
      order.onProgress(bytes, size);
    };
    const { idleMs } = persistence;
    const { status, digests } = await put(order, { target, known, idleMs, onBytes });
    if (digests !== undefined) return digests;
    refusals += 1;
    const again = isPassing(status) || (refusals < MAX_REFUSALS && (RENEWED.has(status) || status === 422));
    throw again ? refusal(status) : new Final(refusal(status));
  };
  const onRetry = (error: unknown): void =>
    order.onRetry(error instanceof Error ? error.message : "unknown reason");
  return await persist(attempt, persistence, onRetry, order.signal);
}

/** It has patience of its own for each part: what it gives up is not to be begun again. */
async function inParts(...given: Parameters<typeof uploadParts>): Promise<Digests> {
  try {
    return await uploadParts(...given);
  } catch (error) {
    throw new Final(error);
  }
}

/**
 * Sends a file as one PUT, again and again to fresh targets within a bounded time. Its digests go along, unless the target
 * answers those of what came: then they are compared afterwards. A target that wants parts gets them one by one.
 * @throws `unavailable` when the service does not take it; the signal's reason; whatever `target` throws but
 * `unavailable`.
 */
export async function upload(
  order: UploadOrder,
  persistence: Persistence & { readonly idleMs: number },
): Promise<Digests> {
  try {
    return await send(order, persistence);
  } catch (error) {
    order.signal.throwIfAborted();
    if (error instanceof TransferError) throw new DomainError("unavailable", error.message, { cause: error });
    throw fileError(error, "reading what is sent");
  }
}
