import { openIfThere } from "../files/open-if-there.ts";
import { constants } from "node:fs";
import { mkdir, open, readdir, rm, stat, type FileHandle } from "node:fs/promises";
import path from "node:path";
import type { JobLogs } from "../../core/ports/job-logs.ts";
import { asDomainError, codeOf, isMissing } from "../process/errors.ts";
import { checkJobId, checkPosition, gap, isJobId } from "./checks.ts";

export interface FileJobLogsConfig {
  /** A directory of its own, made when it is missing. */
  readonly root: string;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Logs as files, `<root>/<job>/<stream>.log`. Bytes are written at the position they belong to, so two processes that
 * append the same ones do no harm. What was answered survives the end of any process, but is not synced to the disk: a
 * loss of power may take the last seconds.
 */
export function createFileJobLogs({ root }: FileJobLogsConfig): JobLogs {
  const folderOf = (jobId: string): string => {
    checkJobId(jobId);
    return path.join(path.resolve(root), jobId);
  };
  const fileOf = (jobId: string, stream: number): string => {
    checkPosition("stream", stream);
    return path.join(folderOf(jobId), `${stream}.log`);
  };

  return {
    append: (jobId, stream, offset, bytes) =>
      translated(() => {
        checkPosition("offset", offset);
        return append(fileOf(jobId, stream), offset, bytes);
      }),

    size: (jobId, stream) => translated(() => sizeOf(fileOf(jobId, stream))),

    streams: (jobId) => translated(() => sizes(folderOf(jobId))),

    totalSize: (jobId) =>
      translated(async () => (await sizes(folderOf(jobId))).reduce((sum, { size }) => sum + size, 0)),

    async *read(jobId, offset = 0, length = Number.MAX_SAFE_INTEGER) {
      checkPosition("offset", offset);
      checkPosition("length", length);
      let skip = offset;
      let left = length;
      for (const file of await translated(() => streamFiles(folderOf(jobId)))) {
        const size = await translated(() => sizeOf(file));
        if (skip < size)
          for await (const chunk of readFrom(file, skip, left)) {
            left -= chunk.length;
            yield chunk;
          }
        if (left === 0) return;
        skip = Math.max(0, skip - size);
      }
    },

    async complete(jobId) {
      checkJobId(jobId);
    },

    async *list() {
      for (const name of await translated(() => namesIn(path.resolve(root)))) if (isJobId(name)) yield name;
    },

    remove: (jobId) => translated(() => rm(folderOf(jobId), { recursive: true, force: true })),
  };
}

async function append(file: string, offset: number, bytes: Uint8Array): Promise<number> {
  const handle = await openForAppend(file);
  try {
    const { size } = await handle.stat();
    if (offset > size) throw gap(size, offset);
    const fresh = bytes.subarray(size - offset);
    await writeAll(handle, fresh, size);
    return size + fresh.length;
  } finally {
    await handle.close();
  }
}

async function openForAppend(file: string): Promise<FileHandle> {
  // Not "a": the kernel would put the bytes at the end, wherever that is by then.
  const flags = constants.O_RDWR | constants.O_CREAT;
  try {
    return await open(file, flags, 0o600);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    return open(file, flags, 0o600);
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function* readFrom(file: string, start: number, length: number): AsyncGenerator<Uint8Array> {
  const handle = await translated(() => openIfThere(file));
  if (handle === undefined) return;
  try {
    for (let position = start; position < start + length;) {
      const chunk = await translated(() => readChunk(handle, position, start + length - position));
      if (chunk.length === 0) return;
      position += chunk.length;
      yield chunk;
    }
  } finally {
    await handle.close();
  }
}

/** A follower's next lines are few: the memory is as large as what there is. */
async function readChunk(handle: FileHandle, position: number, most: number): Promise<Uint8Array> {
  const size = Math.min(CHUNK_BYTES, most, (await handle.stat()).size - position);
  if (size <= 0) return new Uint8Array();
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafeSlow(size), 0, size, position);
  return buffer.subarray(0, bytesRead);
}

/** The job's files in the order of their streams. */
async function streamFiles(folder: string): Promise<string[]> {
  return (await streamsIn(folder)).map((stream) => path.join(folder, `${stream}.log`));
}

async function streamsIn(folder: string): Promise<number[]> {
  const streams = (await namesIn(folder)).flatMap((name) => /^(\d+)\.log$/u.exec(name)?.[1] ?? []);
  return streams.map(Number).sort((a, b) => a - b);
}

async function sizes(folder: string): Promise<{ stream: number; size: number }[]> {
  const streams = await streamsIn(folder);
  return await Promise.all(
    streams.map(async (stream) => ({ stream, size: await sizeOf(path.join(folder, `${stream}.log`)) })),
  );
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asDomainError(error, "The log could not be read or written.");
  }
}
