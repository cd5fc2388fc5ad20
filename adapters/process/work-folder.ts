import { randomUUID } from "node:crypto";
import { chmod, lstat, mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { isDomainError } from "../../core/errors.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { asDomainError, codeOf } from "./errors.ts";
import { unmountInside } from "./mounts.ts";

const LOOSEN_MILLISECONDS = 60_000;

/** Who is not root cannot empty a folder that denies its owner, and recipes bring such folders. */
async function openFolders(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await openFolders(join(folder, entry.name));
  }
}

/** ENOTDIR, which else means the same, is what Node says of a file that it may not remove. */
function isGone(error: unknown): boolean {
  return codeOf(error) === "ENOENT";
}

/** A build may have made files that not even root removes, and a file system may not know such. */
async function loosen(path: string, run: RunCommand, ...options: readonly string[]): Promise<void> {
  try {
    const signal = AbortSignal.timeout(LOOSEN_MILLISECONDS);
    await run({ file: "chattr", args: [...options, "-f", "-i", "-a", "--", path], quiet: true, signal });
  } catch (error) {
    if (!isDomainError(error, "not-found")) throw error;
  }
}

/** Whether the program, many times faster with large folders, removed all of it. */
async function removedByProgram(path: string, run: RunCommand): Promise<boolean> {
  try {
    const args = ["--recursive", "--force", "--one-file-system", "--", path];
    return (await run({ file: "rm", args, quiet: true })).exitCode === 0;
  } catch (error) {
    if (isDomainError(error, "not-found")) return false;
    throw error;
  }
}

async function removeTree(path: string, run: RunCommand): Promise<void> {
  if (await removedByProgram(path, run)) return;
  await loosen(path, run, "-R");
  if ((await lstat(path)).isDirectory()) await openFolders(path);
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
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
    for (const name of await readdir(folder)) await removeTree(join(folder, name), run);
    await removeEmpty(folder, run);
  } catch (error) {
    if (isGone(error)) return;
    throw asDomainError(error, "A work folder cannot be removed.");
  }
}

async function removeEmpty(folder: string, run: RunCommand): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (isGone(error) || codeOf(error) === "EBUSY") return;
    if (codeOf(error) !== "EPERM") throw error;
    await loosen(folder, run);
    await rmdir(folder);
  }
}

/** Where work folders go first, out of everybody's sight: to remove a large one takes its time. */
export interface Trash {
  /**
   * Unmounts what is mounted inside the folder and takes it away. Answers what removes it there.
   * @throws `unavailable`
   */
  take(folder: string): Promise<() => Promise<void>>;
  /** Removes all that was taken, by whomever. @throws `unavailable` when something stays. */
  empty(): Promise<void>;
}

/** `trash` must be on the same disk as the folders, and is made when it is not there. */
export function createTrash(trash: string, run: RunCommand): Trash {
  const remove = async (name: string): Promise<void> => {
    try {
      await removeTree(join(trash, name), run);
    } catch (error) {
      // Somebody else may be at it, too.
      if (!isGone(error)) throw asDomainError(error, "The trash of work folders cannot be emptied.");
    }
  };

  return {
    take: async (folder) => {
      await unmountInside(folder, run);
      const name = `${basename(folder)}.${randomUUID()}`;
      try {
        await mkdir(trash, { recursive: true, mode: 0o700 });
        await moveAway(folder, join(trash, name), run);
      } catch (error) {
        if (!isGone(error)) throw asDomainError(error, "A work folder cannot be taken away.");
      }
      return () => remove(name);
    },
    empty: async () => {
      for (const name of await namesIn(trash)) await remove(name);
    },
  };
}

async function moveAway(folder: string, to: string, run: RunCommand): Promise<void> {
  try {
    await rename(folder, to);
  } catch (error) {
    // A volume of its own stays where it is, and is emptied there.
    if (codeOf(error) === "EBUSY") return await removeWorkFolder(folder, run);
    if (codeOf(error) !== "EPERM") throw error;
    await loosen(folder, run);
    await rename(folder, to);
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isGone(error)) return [];
    throw asDomainError(error, "The trash of work folders cannot be read.");
  }
}
