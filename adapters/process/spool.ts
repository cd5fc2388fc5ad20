import { closeSync, openSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { asDomainError } from "./errors.ts";

/** So much of a log still finds a place in memory when the disk takes no more. */
const MEMORY_BYTES = 1_048_576;

/**
 * Bytes that are appended now and read later, in a file of its own. When the disk is full the rest is kept in memory,
 * up to 1 MiB: the last lines of a job whose disk is full tell just that.
 */
export function createSpool(path: string) {
  const file = openFile(path);
  const memory: Buffer[] = [];
  let inFile = 0;
  let inMemory = 0;
  let failed = false;

  const keep = (bytes: Uint8Array): void => {
    const kept = Buffer.from(bytes.subarray(0, MEMORY_BYTES - inMemory));
    memory.push(kept);
    inMemory += kept.length;
  };

  /** How much of it the file took: all of it, unless the disk is full (or broken, which is treated alike). */
  const write = (to: number, bytes: Uint8Array): number => {
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(to, bytes, written);
    } catch {
      failed = true;
    }
    return written;
  };

  /** Synchronous: it slows down who writes too much, instead of letting it pile up in memory. */
  const append = (bytes: Uint8Array): void => {
    const written = failed || file === undefined ? 0 : write(file, bytes);
    inFile += written;
    if (written < bytes.length) keep(bytes.subarray(written));
  };

  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    if (offset >= inFile) {
      const start = offset - inFile;
      return Buffer.concat(memory).subarray(start, start + length);
    }
    const buffer = Buffer.alloc(Math.min(length, inFile - offset));
    const reader = await open(path, "r");
    try {
      const { bytesRead } = await reader.read(buffer, 0, buffer.length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await reader.close();
    }
  };

  const close = (): void => {
    if (file !== undefined) closeSync(file);
  };

  return { append, read, size: () => inFile + inMemory, close };
}

/** `undefined` when the disk has no room for even an empty file. */
function openFile(path: string): number | undefined {
  try {
    return openSync(path, "w", 0o600);
  } catch (error) {
    const reason = asDomainError(error, "The job's log cannot be written.");
    if (reason.code === "storage-full") return undefined;
    throw reason;
  }
}
