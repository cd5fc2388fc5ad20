import { chmod, lstat, readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { RunCommand } from "../../core/ports/commands.ts";
import { asDomainError, codeOf, isMissing } from "./errors.ts";
import { unmountInside } from "./mounts.ts";

/** Who is not root cannot empty a folder that denies its owner, and recipes bring such folders. */
async function openFolders(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await openFolders(join(folder, entry.name));
  }
}

async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (codeOf(error) !== "EACCES" || !(await lstat(path)).isDirectory()) throw error;
    await openFolders(path);
    await rm(path, { recursive: true, force: true });
  }
}

/**
 * Removes a work folder (given without links) with all that is in it, never through a link and never across a mount:
 * what is mounted inside is unmounted first. A folder that is a volume itself is emptied and stays. Safe to repeat.
 * @throws `unavailable` when something stays.
 */
export async function removeWorkFolder(folder: string, run: RunCommand): Promise<void> {
  await unmountInside(folder, run);
  try {
    if (!(await lstat(folder)).isDirectory()) return await rm(folder, { force: true });
    for (const name of await readdir(folder)) await removeTree(join(folder, name));
    await removeEmpty(folder);
  } catch (error) {
    if (isMissing(error)) return;
    throw asDomainError(error, "A work folder cannot be removed.");
  }
}

async function removeEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (!isMissing(error) && codeOf(error) !== "EBUSY") throw error;
  }
}
