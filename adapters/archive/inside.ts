import type { Stats } from "node:fs";
import { lstat, readlink } from "node:fs/promises";
import { join } from "node:path";
import { codeOf, isMissing } from "../process/errors.ts";
import { fileError } from "./fs-errors.ts";

/** As the kernel's own limit. */
const MAX_LINKS = 40;

export interface Inside {
  readonly path: string;
  readonly stats: Stats;
}

function segments(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "" && segment !== ".");
}

function cannotExist(error: unknown): boolean {
  const code = codeOf(error);
  return isMissing(error) || code === "ENAMETOOLONG" || code === "ELOOP" || code === "ERR_INVALID_ARG_VALUE";
}

async function statOrNothing(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (cannotExist(error)) return undefined;
    throw fileError(error, "looking for a file");
  }
}

/** A walk from `root` down, of which no part has led out of it. */
interface Walk {
  readonly pending: string[];
  readonly done: Inside[];
  links: number;
}

/** Takes the next name of the walk; `false` when nothing is there. */
async function advance(root: string, walk: Walk, name: string): Promise<boolean> {
  if (name === "..") {
    walk.done.pop();
    return true;
  }
  const path = join(walk.done.at(-1)?.path ?? root, name);
  const stats = await statOrNothing(path);
  if (stats === undefined) return false;
  if (!stats.isSymbolicLink()) {
    walk.done.push({ path, stats });
    return true;
  }
  walk.links += 1;
  const target = await readlink(path);
  if (target.startsWith("/")) walk.done.length = 0;
  walk.pending.push(...segments(target).reverse());
  return walk.links <= MAX_LINKS;
}

/**
 * What the path names when `root` is taken for `/`, as a program chrooted there would see it: links, absolute ones
 * too, and `..` never lead out. `undefined` when there is nothing. The tree must not change meanwhile.
 */
export async function lookInside(root: string, path: string): Promise<Inside | undefined> {
  const walk: Walk = { pending: segments(path).reverse(), done: [], links: 0 };
  for (let name = walk.pending.pop(); name !== undefined; name = walk.pending.pop()) {
    if (!(await advance(root, walk, name))) return undefined;
  }
  const last = walk.done.at(-1);
  if (last !== undefined) return last;
  const stats = await statOrNothing(root);
  return stats === undefined ? undefined : { path: root, stats };
}

/** The regular file that the path names inside `root`; `undefined` when there is none. */
export async function fileInside(root: string, path: string): Promise<string | undefined> {
  const found = await lookInside(root, path);
  return found?.stats.isFile() === true ? found.path : undefined;
}
