import { open, rename, rm, type FileHandle } from "node:fs/promises";
import path from "node:path";
import type { Writable } from "node:stream";
import { DomainError } from "../../core/errors.ts";
import type { BackupEntry, BackupSource, BackupTarget } from "../../core/ports/backup.ts";
import { syncDirectory } from "../files/durable.ts";
import { asDomainError } from "../process/errors.ts";
import { entryOf, writeExactly } from "./digesting.ts";
import { refuseExisting } from "./existing.ts";
import { BLOCK_BYTES, paddingOf, readTarHeader, tarHeader } from "./tar-header.ts";

const CHUNK_BYTES = 262_144;

/** Takes an archive's bytes in their order. */
export interface ByteSink {
  /** Resolves when more may come. */
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  discard(): Promise<void>;
}

/** A backup as one tar archive. `now` in milliseconds. */
export function createTarTarget(sink: ByteSink, now: () => number): BackupTarget {
  return {
    async write(name, size, body) {
      await sink.write(tarHeader(name, size, Math.floor(now() / 1000)));
      const digests = await writeExactly(size, body, (chunk) => sink.write(chunk));
      await sink.write(Buffer.alloc(paddingOf(size)));
      return digests;
    },
    async finish() {
      await sink.write(Buffer.alloc(2 * BLOCK_BYTES));
      await sink.finish();
    },
    discard: () => sink.discard(),
  };
}

/** A file that gets its name when it is whole and durable. @throws `conflict` when there is one already */
export async function openFileSink(file: string): Promise<ByteSink> {
  await refuseExisting(file);
  const partial = `${file}.partial`;
  const handle = await translated(() => open(partial, "w", 0o600));
  let isOpen = true;
  return {
    write: (bytes) => translated(() => writeAll(handle, bytes)),
    finish: () =>
      translated(async () => {
        await handle.sync();
        await handle.close();
        isOpen = false;
        await rename(partial, file);
        await syncDirectory(path.dirname(file));
      }),
    async discard() {
      if (!isOpen) return;
      await handle.close();
      await rm(partial, { force: true });
    },
  };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten;
}

/** A backup in a tar archive; contents that are not asked for are not read. */
export function createTarSource(file: string): BackupSource {
  return {
    async *entries() {
      const handle = await translated(() => open(file, "r"));
      try {
        yield* entriesOf(handle);
      } finally {
        await handle.close();
      }
    },
  };
}

async function* entriesOf(handle: FileHandle): AsyncGenerator<BackupEntry> {
  for (let position = 0; ;) {
    const header = readTarHeader(await readExactly(handle, position, BLOCK_BYTES));
    if (header === undefined) return;
    const { name, size } = header;
    position += BLOCK_BYTES;
    yield entryOf(name, size, bytesOf(handle, position, size));
    position += size + paddingOf(size);
  }
}

async function* bytesOf(handle: FileHandle, start: number, size: number): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < size;) {
    const chunk = await readExactly(handle, start + done, Math.min(CHUNK_BYTES, size - done));
    done += chunk.length;
    yield chunk;
  }
}

async function readExactly(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  return await translated(async () => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
    if (bytesRead < length) throw new DomainError("invalid", "The backup is not whole: it breaks off.");
    return buffer;
  });
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asDomainError(error, "The backup could not be read or written.");
  }
}

/** Whatever takes bytes as they come, such as the output of this program. */
export function createStreamSink(stream: Writable): ByteSink {
  const written = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  return {
    write: (bytes) => translated(() => written(bytes)),
    finish: async () => undefined,
    // Who reads it sees that it has no end.
    discard: async () => undefined,
  };
}
