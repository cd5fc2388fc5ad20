import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import type { BackupSource, BackupTarget, Digests } from "../../core/ports/backup.ts";
import { syncDirectory } from "../files/durable.ts";
import { asDomainError } from "../process/errors.ts";
import { entryOf, writeExactly } from "./digesting.ts";
import { refuseExisting } from "./existing.ts";

/** A backup as a folder of files, which has its name when it is whole and durable. @throws `conflict` when there is one */
export async function createFolderTarget(folder: string): Promise<BackupTarget> {
  await refuseExisting(folder);
  const partial = `${folder}.partial`;
  const made = new Set<string>();
  await translated(async () => {
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { mode: 0o700 });
  });
  return {
    write: (name, size, body) =>
      translated(async () => {
        const file = path.join(partial, name);
        await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
        made.add(path.dirname(file));
        return await writeFile(file, size, body);
      }),
    finish: () =>
      translated(async () => {
        for (const directory of made) await syncDirectory(directory);
        await syncDirectory(partial);
        await rename(partial, folder);
        await syncDirectory(path.dirname(folder));
      }),
    discard: () => translated(() => rm(partial, { recursive: true, force: true })),
  };
}

async function writeFile(file: string, size: number, body: AsyncIterable<Uint8Array>): Promise<Digests> {
  const handle = await open(file, "wx", 0o600);
  try {
    const digests = await writeExactly(size, body, async (chunk) => {
      for (let done = 0; done < chunk.length;)
        done += (await handle.write(chunk, done, chunk.length - done)).bytesWritten;
    });
    await handle.sync();
    return digests;
  } finally {
    await handle.close();
  }
}

export function createFolderSource(folder: string): BackupSource {
  return {
    async *entries() {
      for (const name of await translated(() => namesIn(folder))) {
        const file = path.join(folder, name);
        const { size } = await translated(() => stat(file));
        yield entryOf(name, size, bytesOf(file));
      }
    },
  };
}

/** As they were written: numbers in names count as numbers, and records come after what they name. */
async function namesIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((each) => each.isFile())
    .map((each) => path.relative(folder, path.join(each.parentPath, each.name)))
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 262_144 })) {
      if (chunk instanceof Uint8Array) yield chunk;
    }
  } catch (error) {
    throw asDomainError(error, "The backup could not be read.");
  }
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asDomainError(error, "The backup could not be read or written.");
  }
}
