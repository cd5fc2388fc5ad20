import { mkdir, realpath, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { DomainError, isDomainError } from "../../core/errors.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { asDomainError, isMissing } from "./errors.ts";

const LIMIT_MILLISECONDS = 20_000;
/** It holds nothing but the points at which what is kept is mounted. */
const EMPTY = "mode=755,size=1m";

export interface VeilOrder {
  /** Folders and files; those that are not there are none of ours. */
  readonly hidden: readonly string[];
  /** What stays as it is although it lies in a hidden folder. */
  readonly kept: readonly string[];
  /** A folder in which to prepare what is put over another one. */
  readonly scratch: string;
}

export interface Veil {
  /** What is hidden, in the order in which to uncover it. */
  readonly covered: readonly string[];
  /** Why the rest is not. */
  readonly problem?: string;
}

interface Target {
  readonly path: string;
  readonly isFolder: boolean;
}

/**
 * Puts an empty, read-only folder over each hidden folder, with the kept paths in it as they were, and an empty file
 * over each hidden file. Only for a process that has mounts of its own. It keeps programs from what they have no
 * business with; one that has the right to mount can undo it.
 */
export async function drawVeil(order: VeilOrder, run: RunCommand): Promise<Veil> {
  const covered: string[] = [];
  try {
    const kept = await existing(order.kept);
    for (const target of outermost(await existing(order.hidden))) {
      const inThere = outermost(kept.filter(({ path }) => inside(path, target.path)));
      if (target.isFolder) await coverFolder(target.path, inThere, order.scratch, run);
      else await mount(run, ["--bind", "/dev/null", target.path]);
      covered.unshift(target.path);
    }
    return { covered };
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return { covered, problem: error.message };
  }
}

/** Takes away what {@link drawVeil} put there. */
export async function liftVeil({ covered }: Veil, run: RunCommand): Promise<void> {
  for (const path of covered) await command(run, "umount", ["--no-canonicalize", "--lazy", path]);
}

async function coverFolder(
  folder: string,
  kept: readonly Target[],
  scratch: string,
  run: RunCommand,
): Promise<void> {
  const cover = join(scratch, ".cover");
  await files(mkdir(cover, { mode: 0o700, recursive: true }));
  await mount(run, ["-t", "tmpfs", "-o", EMPTY, "none", cover]);
  for (const { path, isFolder } of kept) {
    const point = join(cover, relative(folder, path));
    await files(mkdir(isFolder ? point : dirname(point), { recursive: true }));
    if (!isFolder) await files(writeFile(point, ""));
    // What is mounted below the scratch folder, the cover itself, must not come along.
    await mount(run, [inside(cover, path) ? "--bind" : "--rbind", path, point]);
  }
  await mount(run, ["--move", cover, folder]);
  await mount(run, ["-o", "remount,bind,ro", folder]);
  // In the folder as it is behind the cover, if it lies there: by now this is the same one.
  await files(rmdir(cover));
}

function inside(path: string, folder: string): boolean {
  return path.startsWith(folder === "/" ? folder : `${folder}/`);
}

/** Real paths of what is there. */
async function existing(paths: readonly string[]): Promise<readonly Target[]> {
  const found: Target[] = [];
  for (const path of paths) {
    try {
      found.push({ path: await realpath(path), isFolder: (await stat(path)).isDirectory() });
    } catch (error) {
      if (!isMissing(error)) throw asDomainError(error, "A folder to hide cannot be looked at.");
    }
  }
  return found;
}

function outermost(targets: readonly Target[]): readonly Target[] {
  const unique = [...new Map(targets.map((target) => [target.path, target])).values()];
  return unique.filter(({ path }) => !unique.some((other) => inside(path, other.path)));
}

async function files(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw asDomainError(error, "A folder cannot be hidden.");
  }
}

async function mount(run: RunCommand, args: readonly string[]): Promise<void> {
  const problem = await command(run, "mount", ["--no-canonicalize", ...args]);
  if (problem !== undefined) throw new DomainError("unavailable", `A folder cannot be hidden: ${problem}`);
}

async function command(run: RunCommand, file: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(LIMIT_MILLISECONDS);
    const { exitCode, tail } = await run({ file, args, quiet: true, signal });
    return exitCode === 0 ? undefined : (tail.at(-1) ?? `${file} failed`);
  } catch (error) {
    if (isDomainError(error)) return error.message;
    throw error;
  }
}
