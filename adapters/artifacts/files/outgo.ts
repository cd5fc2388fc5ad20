import type { FileHandle } from "node:fs/promises";
import { DomainError } from "../../../core/errors.ts";
import type { ByteRange } from "../../../core/ports/artifacts.ts";
import { asDomainError } from "../../process/errors.ts";

const CHUNK_BYTES = 256 * 1024;

/**
 * The bytes of the range, the next chunk being read while one is looked at; closes the file at the end. Written by hand:
 * a generator that is left before its first step would not close anything.
 */
export function sendOut(file: FileHandle, { start, end }: ByteRange): AsyncIterableIterator<Uint8Array> {
  let position = start;
  let ahead: Promise<Uint8Array> | undefined;
  let closing: Promise<void> | undefined;

  const readOn = (): Promise<Uint8Array> | undefined => {
    const length = Math.min(CHUNK_BYTES, end + 1 - position);
    if (length <= 0 || closing !== undefined) return undefined;
    const chunk = readChunk(file, position, length);
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

async function readChunk(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, position);
  if (bytesRead === length) return buffer;
  throw new DomainError("unavailable", "A stored object is shorter than it was.");
}

async function settle(work: Promise<unknown> | undefined): Promise<void> {
  await Promise.allSettled([work]);
}
