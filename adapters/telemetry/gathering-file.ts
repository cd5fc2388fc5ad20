import { write } from "node:fs";
import { codeOf } from "../process/errors.ts";

/** Gathered up to so many characters, or so many milliseconds: what kill -9 takes along is no more than that. */
const GATHERED_CHARACTERS = 1024 * 1024;
const GATHERED_MS = 200;
/** A reader that takes nothing for long must not fill this process's memory: what comes beyond this is left out. */
const MOST_CHARACTERS = 16 * 1024 * 1024;
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
  let gathered = "";
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;

  const writeOut = async (): Promise<void> => {
    while (gathered !== "") {
      const bytes = Buffer.from(gathered);
      gathered = "";
      await writeAll(fd, bytes);
    }
    writing = undefined;
  };
  const begin = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    // Writing nothing is over before it could be noted that it is under way, and would be noted for ever.
    if (gathered !== "") writing ??= writeOut();
    await writing;
  };
  return {
    write(line) {
      if (gathered.length > MOST_CHARACTERS) return false;
      gathered += line;
      if (writing !== undefined) return true;
      if (gathered.length >= GATHERED_CHARACTERS) void begin();
      else timer ??= setTimeout(() => void begin(), GATHERED_MS).unref();
      return true;
    },
    flush: begin,
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
