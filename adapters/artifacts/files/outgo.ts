import type { FileHandle } from "node:fs/promises";
import { DomainError } from "../../../core/errors.ts";
import type { ByteRange } from "../../../core/ports/artifacts.ts";
import { asDomainError } from "../../process/errors.ts";

/** Few large enough reads, and two of them still fit a processor's own cache. */
const CHUNK_BYTES = 256 * 1024;

/**
 * The bytes of the range, the next chunk being read while one is looked at; closes the file at the end. Two buffers take
 * turns: fresh memory for each chunk costs more than the reading. Written by hand: a generator that is left before its
 * first step would not close anything.
 */
export function sendOut(file: FileHandle, { start, end }: ByteRange): AsyncIterableIterator<Uint8Array> {
  let position = start;
  let ahead: Promise<Uint8Array> | undefined;
  let closing: Promise<void> | undefined;
  let filling: Buffer | undefined;
  let lent: Buffer | undefined;

  const readOn = (): Promise<Uint8Array> | undefined => {
    const length = Math.min(CHUNK_BYTES, end + 1 - position);
    if (length <= 0 || closing !== undefined) return undefined;
    const buffer = lent ?? Buffer.allocUnsafeSlow(length);
    [filling, lent] = [buffer, filling];
    const chunk = readChunk(file, buffer, position, length);
    chunk.catch(() => undefined); // whoever asks for this chunk gets the error
    position += length;
    return chunk;
  };
  const close = (): Promise<void> => (closing ??= settle(ahead).then(() => file.close()));

  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        const value = await (ahead ?? readOn());
        if (value === undefined || closing !== undefined) {
          await close();
          return { done: true, value: undefined };
        }
        ahead = readOn();
        return { done: false, value };
      } catch (error) {
        await close();
        throw asDomainError(error, "The object could not be read.");
      }
    },
    async return() {
      await close();
      return { done: true, value: undefined };
    },
  };
}

async function readChunk(
  file: FileHandle,
  into: Buffer,
  position: number,
  length: number,
): Promise<Uint8Array> {
  const { bytesRead } = await file.read(into, 0, length, position);
  if (bytesRead === length) return into.subarray(0, length);
  throw new DomainError("unavailable", "A stored object is shorter than it was.");
}

async function settle(work: Promise<unknown> | undefined): Promise<void> {
  await Promise.allSettled([work]);
}
