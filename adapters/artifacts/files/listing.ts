import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { isMissing } from "../../process/errors.ts";
import { canHold, decodeKey, encodeDirectories, isDirectoryName } from "./names.ts";

/** Keys of a bucket that start with the prefix, in UTF-16 order; what comes or goes meanwhile may show or not. */
export async function listKeys(bucketDirectory: string, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  const pending = [encodeDirectories(prefix.split("/").slice(0, -1))];
  for (let pieces = pending.pop(); pieces !== undefined; pieces = pending.pop()) {
    for (const entry of await entriesOf(path.join(bucketDirectory, ...pieces))) {
      const inside = [...pieces, entry.name];
      if (entry.isDirectory()) {
        if (isDirectoryName(entry.name) && canHold(inside, prefix)) pending.push(inside);
      } else if (entry.isFile()) {
        const key = decodeKey(inside);
        if (key?.startsWith(prefix) === true) keys.push(key);
      }
    }
  }
  return keys.sort((a, b) => (a < b ? -1 : 1));
}

async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
