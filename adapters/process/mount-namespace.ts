import { readlink } from "node:fs/promises";
import { codeOf } from "./errors.ts";

/** What the operating system refuses to tell is `undefined`. */
export async function orNothing<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

/**
 * Whether what this process mounts shows to nobody else. The first process of a process namespace has mounts of its own,
 * too: nobody makes one without the other.
 */
export async function hasOwnMountNamespace(): Promise<boolean> {
  if (process.pid === 1) return true;
  const first = await orNothing(readlink("/proc/1/ns/mnt"));
  return first !== undefined && first !== (await readlink("/proc/self/ns/mnt"));
}
