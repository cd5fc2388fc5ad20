import { openIfThere } from "../../files/open-if-there.ts";
import { link, mkdir, rename, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { DomainError } from "../../../core/errors.ts";
import { pruneDirectories, syncDirectories, syncDirectory } from "../../files/durable.ts";
import { codeOf, isMissing } from "../../process/errors.ts";
import { fileFacts, removeFile } from "./incoming.ts";
import { DIRECTORY_MODE } from "./layout.ts";
import { readTrailer, type Description } from "./trailer.ts";

export interface OpenObject {
  readonly file: FileHandle;
  readonly description: Description;
}

/** Each loss means that somebody removed the last object beside the target at that very moment. */
const MOST_TRIES = 100;

/** The object's open file, to be closed by the caller; it stays whole when the object is replaced or removed. */
export async function openObject(file: string): Promise<OpenObject | undefined> {
  const handle = await openIfThere(file);
  if (handle === undefined) return undefined;
  try {
    return { file: handle, description: await readTrailer(handle) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

export async function describeObject(file: string): Promise<Description | undefined> {
  const object = await openObject(file);
  await object?.file.close();
  return object?.description;
}

/** Puts a complete file in the place of an object, durably. False: there is no such file. */
export async function moveInto(top: string, from: string, to: string): Promise<boolean> {
  const came = await place(to, () => rename(from, to), from);
  if (came) await syncDirectories(top, path.dirname(to));
  return came;
}

/** The same, but never replaces an object. False: there is one already. */
export async function linkInto(top: string, from: string, to: string): Promise<boolean> {
  try {
    if (!(await place(to, () => link(from, to), from))) throw swept();
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
  await syncDirectories(top, path.dirname(to));
  return true;
}

/** Makes it durable that an object has gone from here, and tidies up. */
export async function leaveBehind(bucketDirectory: string, file: string): Promise<void> {
  await syncDirectory(path.dirname(file));
  await pruneDirectories(bucketDirectory, path.dirname(file));
}

export async function removeObject(bucketDirectory: string, file: string): Promise<void> {
  if (await removeFile(file)) await leaveBehind(bucketDirectory, file);
}

export function swept(): DomainError {
  return new DomainError("unavailable", "The upload was taken for a broken one and removed. Send it again.");
}

/** Directories are removed with their last object, so one may go between being made and being used. */
async function place(to: string, put: () => Promise<void>, from: string): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      await makeDirectory(path.dirname(to));
      await put();
      return true;
    } catch (error) {
      if (!isMissing(error) || tries >= MOST_TRIES) throw error;
      if ((await fileFacts(from)) === undefined) return false;
    }
  }
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  } catch (error) {
    // Node.js says so of a directory that it saw and that was gone when it looked again; whoever uses it will know.
    if (codeOf(error) !== "EEXIST") throw error;
  }
}
