import type { DownloadOrder } from "../../core/ports/agent-tools.ts";
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open as openFile } from "node:fs/promises";
import { DomainError } from "../../core/errors.ts";
import { fileError } from "../archive/fs-errors.ts";
import { type Answer, isPassing, open, TransferError } from "./http.ts";
import { Final, type Persistence, persist } from "./persistence.ts";

const ALGORITHMS = ["md5", "sha256"] as const;
/** So much may wait for the disk, which takes several pieces at once. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;

/** What has come so far, with the digests of just that: those that are expected, for they take longer than the rest. */
interface Partial {
  readonly file: FileHandle;
  readonly expected: Pick<DownloadOrder, "md5" | "sha256">;
  size: number;
  digests: readonly (readonly [algorithm: (typeof ALGORITHMS)[number], hash: Hash])[];
}

function newDigests(expected: Partial["expected"]): Partial["digests"] {
  const wanted = ALGORITHMS.filter((algorithm) => expected[algorithm] !== undefined);
  return wanted.map((algorithm) => [algorithm, createHash(algorithm)] as const);
}

function differs(what: string, expected: string, actual: string): Final {
  return new Final(new DomainError("invalid", `Its ${what} is ${actual}, not ${expected}.`));
}

async function restart(partial: Partial): Promise<void> {
  await partial.file.truncate(0);
  partial.size = 0;
  partial.digests = newDigests(partial.expected);
}

/** Writes what comes while more comes, and while it is digested. A write that fails ends the download, digests and all. */
function createWriter(partial: Partial) {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  let writing: Promise<void> | undefined;

  const writeOn = async (): Promise<void> => {
    while (waiting.length > 0) {
      const [pieces, length] = [waiting, bytes];
      [waiting, bytes] = [[], 0];
      await writeAll(partial.file, pieces, partial.size - length);
    }
    writing = undefined;
  };

  return {
    async append(chunk: Uint8Array): Promise<void> {
      waiting.push(chunk);
      bytes += chunk.length;
      partial.size += chunk.length;
      for (const [, hash] of partial.digests) hash.update(chunk);
      if (writing === undefined) {
        writing = writeOn();
        writing.catch(() => undefined); // whoever waits for it next gets the error
      }
      if (bytes >= MOST_WAITING_BYTES) await writing;
    },
    settle: async (): Promise<void> => await writing,
  };
}

async function writeAll(file: FileHandle, pieces: readonly Uint8Array[], start: number): Promise<void> {
  try {
    for (let [left, position] = [pieces, start]; left.length > 0;) {
      const { bytesWritten } = await file.writev(left, position);
      position += bytesWritten;
      left = without(left, bytesWritten);
    }
  } catch (error) {
    throw new Final(fileError(error, "storing what is fetched"));
  }
}

/** What is left of the pieces without so many bytes at the beginning. */
function without(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let rest = bytes;
  return pieces.flatMap((piece) => {
    const gone = Math.min(rest, piece.length);
    rest -= gone;
    return gone === piece.length ? [] : [piece.subarray(gone)];
  });
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
  const writer = createWriter(partial);
  try {
    const answer = await exchange.answer();
    await align(partial, answer);
    for await (const chunk of answer.body) {
      if (!(chunk instanceof Uint8Array)) continue;
      if (partial.size + chunk.length > order.size) throw differs("size", `${order.size}`, "larger");
      await writer.append(chunk);
      advanced();
      order.onProgress(partial.size);
    }
    await writer.settle();
  } catch (error) {
    // The next try goes on behind all that has come.
    await writer.settle();
    throw error instanceof Final ? error : exchange.failure(error);
  } finally {
    exchange.request.destroy();
  }
  if (partial.size < order.size) throw new TransferError("The connection ended early.");
}

function check({ expected, digests }: Partial): void {
  for (const [algorithm, hash] of digests) {
    const [wanted, is] = [expected[algorithm], hash.digest("hex")];
    if (wanted !== undefined && is !== wanted) throw differs(algorithm, wanted, is);
  }
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
      const partial = { file, expected: order, size: 0, digests: newDigests(order) };
      await fetchInto(order, partial, persistence);
      check(partial);
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
