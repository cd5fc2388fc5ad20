import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { DomainError } from "../../../../core/errors.ts";
import type { StoredPart } from "../../../../core/ports/upload-sessions.ts";
import { sameParts } from "../../signed-part.ts";
import type { Content } from "../../expectations.ts";
import type { Md5Session } from "../md5.ts";
import type { Folder } from "./folder.ts";
import { createTurns } from "./turns.ts";

const CHUNK_BYTES = 1024 * 1024;
/** What nobody has gone on with for so long is begun again when it is needed. */
const IDLE_MS = 60_000;

interface Digest {
  readonly parts: StoredPart[];
  readonly sha256: ReturnType<typeof createHash>;
  readonly md5: Md5Session;
  size: number;
  idle?: NodeJS.Timeout;
}

/** Those that were begun, until they are finished or nobody goes on with them. */
function createBegun(openMd5: () => Md5Session) {
  const digests = new Map<string, Digest>();

  function forget(id: string): void {
    const digest = digests.get(id);
    if (digest === undefined) return;
    clearTimeout(digest.idle);
    digest.md5.close();
    digests.delete(id);
  }

  return {
    forget,
    /** The one that fits; otherwise a new one. */
    take(id: string, fits: (digest: Digest) => boolean): Digest {
      const begun = digests.get(id);
      clearTimeout(begun?.idle);
      if (begun !== undefined && fits(begun)) return begun;
      forget(id);
      const digest: Digest = { parts: [], sha256: createHash("sha256"), md5: openMd5(), size: 0 };
      digests.set(id, digest);
      return digest;
    },
    keepAWhile(id: string, digest: Digest): void {
      digest.idle = setTimeout(() => forget(id), IDLE_MS).unref();
    },
  };
}

/**
 * The digests of whole uploads, taken further with each part that follows what was digested, while its bytes are still in
 * memory. What is not digested by the end is read then.
 */
export function createRunningDigests(openMd5: () => Md5Session) {
  const begun = createBegun(openMd5);
  const inTurn = createTurns();

  async function goOn(folder: Folder, partBytes: number): Promise<void> {
    const digest = begun.take(folder.id, () => true);
    try {
      await takeWhatFollows(digest, folder, partBytes);
      begun.keepAWhile(folder.id, digest);
    } catch {
      // It may have taken a part of a part. The end does without it, and says what is wrong.
      begun.forget(folder.id);
    }
  }

  return {
    /** A part has come; nobody waits for this. */
    advance: (folder: Folder, partBytes: number): void =>
      void inTurn(folder.id, () => goOn(folder, partBytes)),
    /** Of all these parts, which are one after the other in the file. */
    finish: async (id: string, file: FileHandle, parts: readonly StoredPart[]): Promise<Content> =>
      await inTurn(id, async () => {
        const fits = (digest: Digest) => sameParts(digest.parts, parts.slice(0, digest.parts.length));
        const digest = begun.take(id, fits);
        try {
          for (const part of parts.slice(digest.parts.length)) await take(digest, file, part, digest.size);
          return { size: digest.size, md5: await digest.md5.digest(), sha256: digest.sha256.digest("hex") };
        } finally {
          begun.forget(id);
        }
      }),
    forget: async (id: string): Promise<void> => await inTurn(id, async () => begun.forget(id)),
  };
}

async function takeWhatFollows(digest: Digest, folder: Folder, partBytes: number): Promise<void> {
  const file = await open(folder.data, "r");
  try {
    for (;;) {
      const number = digest.parts.length + 1;
      const part = await folder.part(number);
      if (part === undefined || part.spare !== undefined) return;
      await take(digest, file, { number, ...part }, (number - 1) * partBytes);
    }
  } finally {
    await file.close();
  }
}

async function take(digest: Digest, file: FileHandle, part: StoredPart, start: number): Promise<void> {
  let memory = new Uint8Array(Math.max(1, Math.min(CHUNK_BYTES, part.size)));
  for (let done = 0; done < part.size;) {
    const length = Math.min(memory.length, part.size - done);
    const { bytesRead } = await file.read(memory, 0, length, start + done);
    if (bytesRead === 0) throw new DomainError("unavailable", "A part of an upload is shorter than it was.");
    const bytes = memory.subarray(0, bytesRead);
    digest.sha256.update(bytes);
    memory = new Uint8Array(await digest.md5.update(bytes));
    done += bytesRead;
  }
  digest.size += part.size;
  digest.parts.push(part);
}
