import { access, mkdir, readFile, readdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DomainError } from "../../core/errors.ts";
import { asDomainError, codeOf, isMissing } from "../process/errors.ts";

const PAUSE_MILLISECONDS = 20;

/** A file of a group; `undefined` when the group has none of this name, or is gone. */
export async function readControl(folder: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, name), "utf8");
  } catch (error) {
    // A group that ends while it is read.
    if (isMissing(error) || codeOf(error) === "ENODEV") return undefined;
    throw asDomainError(error, "A control group cannot be read.");
  }
}

/** @throws `unavailable` when the kernel does not take it. */
export async function writeControl(folder: string, name: string, text: string): Promise<void> {
  try {
    await writeFile(join(folder, name), text);
  } catch (error) {
    throw asDomainError(error, `A control group does not take ${name}.`);
  }
}

export async function hasControl(folder: string, name: string): Promise<boolean> {
  try {
    await access(join(folder, name));
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw asDomainError(error, "A control group cannot be read.");
  }
}

/** One that is there already is fine. */
export async function makeGroup(folder: string): Promise<void> {
  try {
    // Not recursive: where the kernel makes the folders, Node would try for ever.
    await mkdir(folder);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return;
    throw asDomainError(error, "A control group cannot be made.");
  }
}

/** This process with all that it starts from now on becomes a member of each group. */
export async function joinGroups(folders: readonly string[]): Promise<void> {
  for (const folder of folders) await writeControl(folder, "cgroup.procs", "0");
}

/** The group and those in it, the innermost first. */
async function tree(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const inner = entries.filter((entry) => entry.isDirectory()).map(({ name }) => tree(join(folder, name)));
    return [...(await Promise.all(inner)).flat(), folder];
  } catch (error) {
    if (isMissing(error) || codeOf(error) === "ENODEV") return [];
    throw asDomainError(error, "A control group cannot be read.");
  }
}

/** Processes in the groups and in those in them. Those of another process namespace, which count as 0, are left out. */
export async function membersOf(folders: readonly string[]): Promise<readonly number[]> {
  const members = new Set<number>();
  for (const folder of folders)
    for (const group of await tree(folder))
      for (const line of ((await readControl(group, "cgroup.procs")) ?? "").split("\n"))
        if (Number(line) > 0) members.add(Number(line));
  return [...members];
}

/**
 * Kills every member, whatever it does about it: the newer kernels do it at once, with the older ones nobody gets to
 * start another one meanwhile where there is a freezer, and elsewhere they are killed again and again.
 * @throws `unavailable` when something still lives after `limit` milliseconds.
 */
export async function killGroups(folders: readonly string[], limit = 8000): Promise<void> {
  const deadline = performance.now() + limit;
  for (;;) {
    const members = await membersOf(folders);
    if (members.length === 0) return;
    if (performance.now() > deadline)
      throw new DomainError("unavailable", `Processes of a job do not end: ${members.join(", ")}.`);
    await killMembers(folders);
    await delay(PAUSE_MILLISECONDS);
  }
}

async function killMembers(folders: readonly string[]): Promise<void> {
  for (const folder of folders)
    if (await hasControl(folder, "cgroup.kill")) await unlessGone(folder, "cgroup.kill", "1");
  for (const folder of folders) await setFreezer(folder, "FROZEN");
  for (const pid of await membersOf(folders)) killHard(pid);
  for (const folder of folders) await setFreezer(folder, "THAWED");
}

async function setFreezer(folder: string, state: string): Promise<void> {
  for (const group of await tree(folder))
    if (await hasControl(group, "freezer.state")) await unlessGone(group, "freezer.state", state);
}

async function unlessGone(folder: string, name: string, text: string): Promise<void> {
  try {
    await writeFile(join(folder, name), text);
  } catch (error) {
    if (!isMissing(error) && codeOf(error) !== "ENODEV")
      throw asDomainError(error, `A control group does not take ${name}.`);
  }
}

function killHard(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!isMissing(error)) throw asDomainError(error, `Process ${pid} of a job cannot be ended.`);
  }
}

/**
 * Removes groups that have no members any more, with those in them.
 * @throws `unavailable` when one stays for longer than `limit` milliseconds.
 */
export async function removeGroups(folders: readonly string[], limit = 5000): Promise<void> {
  const deadline = performance.now() + limit;
  for (const folder of folders)
    for (const group of await tree(folder)) {
      while (!(await removed(group))) {
        if (performance.now() > deadline)
          throw new DomainError("unavailable", "A job's control group cannot be removed.");
        await delay(PAUSE_MILLISECONDS);
      }
    }
}

/** Members that were killed just now are counted until the last of them is gone. */
async function removed(group: string): Promise<boolean> {
  try {
    await rmdir(group);
    return true;
  } catch (error) {
    if (isMissing(error)) return true;
    if (codeOf(error) === "EBUSY" || codeOf(error) === "ENOTEMPTY") return false;
    throw asDomainError(error, "A job's control group cannot be removed.");
  }
}
