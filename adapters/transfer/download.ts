import type { DownloadOrder } from "../../core/ports/agent-tools.ts";
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open as openFile } from "node:fs/promises";
import { DomainError } from "../../core/errors.ts";
import { fileError } from "../archive/fs-errors.ts";
import { type Answer, isPassing, open, TransferError } from "./http.ts";
import { Final, type Persistence, persist } from "./persistence.ts";

/** What is on disk so far, with the digests of just that. */
interface Partial {
  readonly file: FileHandle;
  size: number;
  md5: Hash;
  sha256: Hash;
}

function differs(what: string, expected: string, actual: string): Final {
  return new Final(new DomainError("invalid", `Its ${what} is ${actual}, not ${expected}.`));
}

async function restart(partial: Partial): Promise<void> {
  await partial.file.truncate(0);
  partial.size = 0;
  partial.md5 = createHash("md5");
  partial.sha256 = createHash("sha256");
}

async function append(partial: Partial, chunk: Uint8Array): Promise<void> {
  const writing = writeAll(partial, chunk);
  // While the disk has its part of the work. A write that fails ends the download, digests and all.
  partial.md5.update(chunk);
  partial.sha256.update(chunk);
  await writing;
  partial.size += chunk.length;
}

async function writeAll({ file, size }: Partial, chunk: Uint8Array): Promise<void> {
  try {
    for (let written = 0; written < chunk.length;) {
      const rest = chunk.subarray(written);
      const { bytesWritten } = await file.write(rest, 0, rest.length, size + written);
      written += bytesWritten;
    }
  } catch (error) {
    throw new Final(fileError(error, "storing what is fetched"));
  }
}

/** Makes the file end where the answer begins. */
async function align(partial: Partial, { status, headers }: Answer): Promise<void> {
  if (status === 200) return await restart(partial);
  if (status === 206) {
    if (Number(/^bytes (\d+)-/u.exec(headers["content-range"] ?? "")?.[1]) === partial.size) return;
    await restart(partial);
    throw new TransferError("The server sent another range than asked for.");
  }
  const error = new TransferError(`The server answered ${status}.`, { status });
  throw isPassing(status) ? error : new Final(error);
}

async function receive(
  order: DownloadOrder,
  partial: Partial,
  idleMs: number,
  advanced: () => void,
): Promise<void> {
  const headers = partial.size === 0 ? {} : { range: `bytes=${partial.size}-` };
  const exchange = open(order.url, { headers, signal: order.signal, idleMs });
  exchange.request.end();
  try {
    const answer = await exchange.answer();
    await align(partial, answer);
    for await (const chunk of answer.body) {
      if (!(chunk instanceof Uint8Array)) continue;
      if (partial.size + chunk.length > order.size) throw differs("size", `${order.size}`, "larger");
      await append(partial, chunk);
      advanced();
      order.onProgress(partial.size);
    }
  } catch (error) {
    throw error instanceof Final ? error : exchange.failure(error);
  } finally {
    exchange.request.destroy();
  }
  if (partial.size < order.size) throw new TransferError("The connection ended early.");
}

function check(order: DownloadOrder, partial: Partial): void {
  const md5 = partial.md5.digest("hex");
  if (order.md5 !== undefined && md5 !== order.md5) throw differs("md5", order.md5, md5);
  const sha256 = partial.sha256.digest("hex");
  if (order.sha256 !== undefined && sha256 !== order.sha256) throw differs("sha256", order.sha256, sha256);
}

function says(error: unknown): string {
  return error instanceof Error ? error.message : "unknown reason";
}

async function fetchInto(
  order: DownloadOrder,
  partial: Partial,
  persistence: Persistence & { readonly idleMs: number },
): Promise<void> {
  await persist(
    async (advanced) => {
      if (order.size > 0 && partial.size === order.size) return;
      await receive(order, partial, persistence.idleMs, advanced);
    },
    persistence,
    (error) => order.onRetry(says(error)),
    order.signal,
  );
}

/**
 * Fetches into a file, going on where a broken connection left off.
 * @throws `invalid` when size or digest differ, `storage-full`, `unavailable` when it cannot be had; the signal's reason.
 */
export async function download(
  order: DownloadOrder,
  persistence: Persistence & { readonly idleMs: number },
): Promise<void> {
  try {
    const file = await openFile(order.file, "w", 0o600);
    try {
      const partial = { file, size: 0, md5: createHash("md5"), sha256: createHash("sha256") };
      await fetchInto(order, partial, persistence);
      check(order, partial);
    } finally {
      await file.close();
    }
  } catch (error) {
    order.signal.throwIfAborted();
    if (error instanceof Final) throw error.reason;
    if (!(error instanceof TransferError)) throw fileError(error, "storing what is fetched");
    throw new DomainError("unavailable", error.message, { cause: error });
  }
}
