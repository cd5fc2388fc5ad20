import { open, rmdir } from "node:fs/promises";
import path from "node:path";
import { codeOf, isMissing } from "../process/errors.ts";

/** Makes names added to or removed from a directory durable. One that is gone has nothing to lose. */
export async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/**
 * The same for a directory and those above it, up to and with `top`: another process may have made one of them just now
 * without having synced it yet.
 */
export async function syncDirectories(top: string, directory: string): Promise<void> {
  for (const each of upwards(top, directory)) await syncDirectory(each);
}

/** Removes a directory and those above it, below `top`, as far as they are empty. */
export async function pruneDirectories(top: string, directory: string): Promise<void> {
  for (const each of upwards(top, directory)) {
    if (each === top || !(await removeIfEmpty(each))) return;
  }
}

function* upwards(top: string, directory: string): Generator<string> {
  const isWithin = (each: string): boolean => each === top || each.startsWith(`${top}${path.sep}`);
  for (let each = directory; isWithin(each); each = path.dirname(each)) {
    yield each;
    if (each === top) return;
  }
}

async function removeIfEmpty(directory: string): Promise<boolean> {
  try {
    await rmdir(directory);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOTEMPTY" || code === "EEXIST") return false;
    if (code === "ENOENT") return true;
    throw error;
  }
}
