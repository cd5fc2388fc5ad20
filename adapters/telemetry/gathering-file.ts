import { write } from "node:fs";
import { codeOf } from "../process/errors.ts";

/** Gathered up to so many bytes, or so many milliseconds: what kill -9 takes along is no more than that. */
const CHUNK_BYTES = 1024 * 1024;
const GATHERED_MS = 200;
/** A reader that takes nothing for long must not fill this process's memory: what comes beyond this is left out. */
const MOST_BYTES = 16 * 1024 * 1024;
/** UTF-8 takes no more for a character of a string. */
const MOST_BYTES_OF_A_CHARACTER = 3;
/** When a full pipe is tried again. */
const FULL_PIPE_MS = 20;

/** Lines on their way into an open file. Nothing here ever stops this thread, however slow whoever reads is. */
export interface GatheringFile {
  /** False: so much waits for a reader that takes nothing that the line is left out. */
  write(line: string): boolean;
  /** Resolves when all lines so far are written, or never can be. */
  flush(): Promise<void>;
}

export function createGatheringFile(fd: number): GatheringFile {
  const chunks = createChunks();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;

  const writeOut = async (): Promise<void> => {
    for (let chunk = chunks.take(); chunk !== undefined; chunk = chunks.take()) {
      await writeAll(fd, chunk);
      chunks.reuse(chunk);
    }
    writing = undefined;
  };
  const begin = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    // Writing nothing is over before it could be noted that it is under way, and would be noted for ever.
    if (chunks.waiting() > 0) writing ??= writeOut();
    await writing;
  };
  return {
    write(line) {
      if (chunks.waiting() > MOST_BYTES) return false;
      chunks.add(line);
      if (writing !== undefined) return true;
      if (chunks.waiting() >= CHUNK_BYTES) void begin();
      else timer ??= setTimeout(() => void begin(), GATHERED_MS).unref();
      return true;
    },
    flush: begin,
  };
}

/**
 * Lines as bytes, in chunks that are used again. As strings they would outlive several collections of the garbage of
 * requests, each of which would copy all of them.
 */
function createChunks() {
  const full: Uint8Array[] = [];
  let current: Buffer | undefined;
  let used = 0;
  let spare: Buffer | undefined;
  let waiting = 0;

  const end = (): void => {
    if (current !== undefined && used > 0) full.push(current.subarray(0, used));
    current = undefined;
    used = 0;
  };
  return {
    /** Bytes that nobody has taken yet. */
    waiting: () => waiting,
    add(line: string): void {
      const most = line.length * MOST_BYTES_OF_A_CHARACTER;
      if (used + most > CHUNK_BYTES) end();
      if (current === undefined) {
        current =
          most > CHUNK_BYTES ? Buffer.allocUnsafeSlow(most) : (spare ?? Buffer.allocUnsafeSlow(CHUNK_BYTES));
        spare = undefined;
      }
      const length = current.write(line, used);
      used += length;
      waiting += length;
    },
    /** The oldest, full or not. */
    take(): Uint8Array | undefined {
      if (full.length === 0) end();
      const chunk = full.shift();
      waiting -= chunk?.length ?? 0;
      return chunk;
    },
    /** Gives back what was taken when its bytes are no longer needed. */
    reuse({ buffer }: Uint8Array): void {
      if (buffer.byteLength === CHUNK_BYTES) spare = Buffer.from(buffer);
    },
  };
}

/** A log that cannot be written (its reader has gone, its disk is full) is no reason to stop serving. Never rejects. */
async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const written = await writeSome(fd, bytes.subarray(done));
    if (written === undefined) return;
    done += written;
  }
}

/** How many bytes the file took; `undefined` when it takes no more. */
function writeSome(fd: number, bytes: Uint8Array): Promise<number | undefined> {
  return new Promise((resolve) => {
    write(fd, bytes, 0, bytes.length, null, (error, written) => {
      if (error === null) resolve(written);
      else if (codeOf(error) === "EAGAIN") setTimeout(resolve, FULL_PIPE_MS, 0);
      else resolve(undefined);
    });
  });
}
