import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, stat, unlink, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { codeOf, isMissing } from "../../process/errors.ts";
import { DIRECTORY_MODE, FILE_MODE } from "./layout.ts";

/** A file that is not an object yet. */
export interface Incoming {
  readonly file: FileHandle;
  readonly path: string;
  /** Closes the file, and removes it unless it has been renamed. */
  discard(): Promise<void>;
}

/** @param owner who writes it, as `Owners.self` says: a name without a dash. */
export async function openIncoming(directory: string, owner: string): Promise<Incoming> {
  const place = path.join(directory, `${owner}-${randomUUID()}`);
  const file = await create(place);
  return {
    file,
    path: place,
    async discard() {
      await file.close();
      await removeFile(place);
    },
  };
}

/** Every file that is there, with the owner its name tells; none for a name that is not ours. */
export async function listIncoming(directory: string): Promise<{ path: string; owner: string }[]> {
  const names = await readdir(directory).catch(emptyIfMissing);
  return names.map((name) => ({ path: path.join(directory, name), owner: name.split("-")[0] ?? "" }));
}

/** Whether there was one to remove. */
export async function removeFile(file: string): Promise<boolean> {
  try {
    await unlink(file);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

export async function fileFacts(file: string): Promise<{ size: number; modified: number } | undefined> {
  try {
    const { size, mtimeMs } = await stat(file);
    return { size, modified: mtimeMs };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function create(file: string): Promise<FileHandle> {
  try {
    return await open(file, "wx", FILE_MODE);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    await mkdir(path.dirname(file), { recursive: true, mode: DIRECTORY_MODE });
    return open(file, "wx", FILE_MODE);
  }
}

function emptyIfMissing(error: unknown): string[] {
  if (isMissing(error)) return [];
  throw error;
}
