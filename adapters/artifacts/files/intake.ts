import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { WriteOptions } from "../../../core/ports/artifacts.ts";
import { asDomainError } from "../../process/errors.ts";
import { checkSizeSoFar, type Content } from "../expectations.ts";
import type { Md5Session } from "./md5.ts";

/** Large enough that a write costs little, small enough that all that reads it finds it in the processor's cache. */
const SLAB_BYTES = 256 * 1024;
/** How far the source may be ahead of the disk and of the digests; with the slab size, the memory of one upload. */
const MOST_SLABS = 12;
/** The disk is set to work each time so much has been written: one sync at the end alone takes far longer. */
const SYNC_EVERY_BYTES = 64 * 1024 * 1024;

interface Slab {
  /** While the slab is not free its memory is with the thread that computes MD5. */
  bytes: Uint8Array<ArrayBuffer>;
  used: number;
  /** Resolves, never rejects, when the bytes may be written over. */
  free: Promise<void>;
}

/**
 * Puts all of the source into the file, from its beginning or from `start`, computing both digests on the way: SHA-256 here, MD5 in a
 * thread, the writes in others. Does not sync the end. What the source throws is thrown as it is.
 */
export async function takeIn(
  file: FileHandle,
  source: AsyncIterable<Uint8Array>,
  options: WriteOptions,
  openMd5: () => Md5Session,
  start = 0,
): Promise<Content> {
  const intake = openIntake(createWriter(file, start), options.expect?.size ?? SLAB_BYTES, openMd5);
  let size = 0;
  try {
    for await (const chunk of source) {
      size += chunk.length;
      checkSizeSoFar(size, options);
      await intake.add(chunk);
    }
    return { size, ...(await intake.finish()) };
  } finally {
    await intake.close();
  }
}

function openIntake(writer: Writer, likelySize: number, openMd5: () => Md5Session) {
  const sha256 = createHash("sha256");
  let slab = newSlab(Math.min(likelySize, SLAB_BYTES));
  const slabs = [slab];
  let turn = 0;
  let md5: Md5Session | undefined;
  /** Writes may end in any order, MD5 takes the slabs in theirs. */
  let inTurn: Promise<unknown> = Promise.resolve();

  const send = (full: Slab, session: Md5Session): void => {
    const bytes = full.bytes.subarray(0, full.used);
    const handed = handOver(full, bytes, Promise.all([writer.append(bytes), inTurn]), session);
    inTurn = handed;
    full.free = writer.settle(handed.then(({ back }) => back));
    sha256.update(bytes);
  };

  const nextSlab = async (): Promise<Slab> => {
    turn += 1;
    if (slabs.length < MOST_SLABS) slabs.push(newSlab(SLAB_BYTES));
    const next = slabs[turn % slabs.length] ?? slab;
    await next.free;
    writer.throwIfFailed();
    next.used = 0;
    return next;
  };

  return {
    async add(chunk: Uint8Array): Promise<void> {
      let rest = chunk;
      while (rest.length > 0) {
        if (slab.used === slab.bytes.length) {
          send(slab, (md5 ??= openMd5()));
          slab = await nextSlab();
        }
        const part = rest.subarray(0, slab.bytes.length - slab.used);
        slab.bytes.set(part, slab.used);
        slab.used += part.length;
        rest = rest.subarray(part.length);
      }
    },

    async finish(): Promise<Omit<Content, "size">> {
      // What fits into one slab is not worth a thread.
      const small = md5 === undefined ? createSmallMd5() : md5;
      send(slab, small);
      await Promise.all(slabs.map(({ free }) => free));
      writer.throwIfFailed();
      const digest = await small.digest().catch(writer.fail);
      await writer.synced(); // the kernel tells of a failed write-back once, and this may be where
      writer.throwIfFailed();
      return { md5: digest ?? "", sha256: sha256.digest("hex") };
    },

    async close(): Promise<void> {
      await Promise.all(slabs.map(({ free }) => free));
      await writer.synced();
      md5?.close();
    },
  };
}

/**
 * MD5 has its turn when the bytes are written: it takes their memory along. Shared memory would let both go on at once,
 * but writing from it takes the kernel several times as long.
 */
async function handOver(
  slab: Slab,
  bytes: Uint8Array<ArrayBuffer>,
  ready: Promise<unknown>,
  md5: Md5Session,
): Promise<{ readonly back: Promise<void> }> {
  await ready;
  return { back: takeBack(slab, md5.update(bytes)) };
}

async function takeBack(slab: Slab, memory: Promise<ArrayBuffer>): Promise<void> {
  slab.bytes = new Uint8Array(await memory);
}

function newSlab(size: number): Slab {
  return {
    bytes: new Uint8Array(Math.max(1, size)),
    used: 0,
    free: Promise.resolve(),
  };
}

function createSmallMd5(): Md5Session {
  const hash = createHash("md5");
  return {
    update: async (bytes) => hash.update(bytes) && bytes.buffer,
    digest: async () => hash.digest("hex"),
    close: () => undefined,
  };
}

type Writer = ReturnType<typeof createWriter>;

/** Writes one after the other and remembers the first failure, as work goes on while nobody waits for it. */
function createWriter(file: FileHandle, start: number) {
  let failure: { readonly error: unknown } | undefined;
  let position = start;
  let unsynced = 0;
  let syncing: Promise<void> | undefined;

  const fail = (error: unknown): undefined => {
    failure ??= { error };
  };
  const syncNow = async (): Promise<void> => {
    unsynced = 0;
    await file.datasync().catch(fail);
    syncing = undefined;
  };

  return {
    fail,
    settle: async (work: Promise<unknown>): Promise<void> => void (await work.catch(fail)),
    async append(bytes: Uint8Array): Promise<void> {
      const start = position;
      position += bytes.length;
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, start + done);
        done += bytesWritten;
      }
      unsynced += bytes.length;
      if (unsynced >= SYNC_EVERY_BYTES) syncing ??= syncNow();
    },
    synced: async (): Promise<void> => syncing,
    throwIfFailed(): void {
      if (failure !== undefined) throw asDomainError(failure.error, "The object could not be stored.");
    },
  };
}
