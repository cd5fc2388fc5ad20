import { readFile, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DomainError, isDomainError } from "../../core/errors.ts";
import { asDomainError } from "../process/errors.ts";
import { readProcess } from "../process/process-table.ts";
import { hasControl, makeGroup, readControl, writeControl } from "./groups.ts";
import { ownHierarchies } from "./hierarchies.ts";
import type { Hierarchy } from "./hierarchies.ts";

/** Members of a group with controllers for those in it must be in those: there this service goes, and only it. */
const OWN_GROUP = "ims-service";
const WANTED = ["memory", "pids"] as const;

export interface GroupLimits {
  readonly memoryBytes?: number | undefined;
  readonly processes: number;
}

/** The control groups that jobs of this service can have. */
export interface JobGroups {
  /** What jobs have to do without, each as the end of "Jobs run without ...". */
  readonly lacks: readonly string[];
  /** Where the groups of this name are, or would be. */
  foldersOf(name: string): readonly string[];
  /** Makes them, or sets their limits anew. @throws `unavailable` */
  make(name: string, limits: GroupLimits): Promise<void>;
}

export const NO_GROUPS: JobGroups = {
  lacks: [],
  foldersOf: () => [],
  make: async () => undefined,
};

/** Finds out what this machine gives. It gives nothing to who is not root and has no group that was handed over. */
export async function findJobGroups(): Promise<JobGroups> {
  return await jobGroupsIn(await findHierarchies());
}

/** Folders of the groups that this process is in. */
export async function ownGroups(): Promise<readonly string[]> {
  return (await findHierarchies()).map(({ folder }) => folder);
}

async function findHierarchies(): Promise<readonly Hierarchy[]> {
  const [mountinfo, cgroup] = await Promise.all([
    readText("/proc/self/mountinfo"),
    readText("/proc/self/cgroup"),
  ]);
  return ownHierarchies(mountinfo, cgroup);
}

export async function jobGroupsIn(hierarchies: readonly Hierarchy[]): Promise<JobGroups> {
  const problems: string[] = [];
  const parents: string[] = [];
  for (const hierarchy of useful(hierarchies)) {
    try {
      parents.push(await usableParent(hierarchy));
    } catch (error) {
      if (!isDomainError(error)) throw error;
      problems.push(error.message);
    }
  }
  const limited = await Promise.all(parents.map(limitsMemory));
  const foldersOf = (name: string): readonly string[] => parents.map((parent) => join(parent, name));
  return {
    lacks: lacksOf(limited.includes(true), problems),
    foldersOf,
    make: async (name, limits) => {
      for (const folder of foldersOf(name)) {
        await makeGroup(folder);
        await setLimits(folder, limits);
      }
    },
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw asDomainError(error, "The control groups of this process cannot be read.");
  }
}

/** Those that limit something, and one in which all members can be killed at once. */
function useful(hierarchies: readonly Hierarchy[]): readonly Hierarchy[] {
  const newer = hierarchies.filter(({ version }) => version === 2).slice(0, 1);
  const names = newer.length > 0 ? [...WANTED] : [...WANTED, "freezer"];
  const older = names.flatMap(
    (name) =>
      hierarchies.find(({ version, controllers }) => version === 1 && controllers.includes(name)) ?? [],
  );
  return [...new Set([...newer, ...older])];
}

/** The folder in which groups can be made. @throws `unavailable` when none can. */
async function usableParent({ version, folder }: Hierarchy): Promise<string> {
  const parent = version === 2 ? await delegated(folder) : folder;
  const probe = join(parent, `ims-probe-${process.pid}`);
  await makeGroup(probe);
  await rmdir(probe).catch(() => undefined);
  return parent;
}

/** A group of version 2 whose own groups get the controllers that we want, as far as it has them itself. */
async function delegated(own: string): Promise<string> {
  const parent = basename(own) === OWN_GROUP ? dirname(own) : own;
  const words = async (name: string) => ((await readControl(parent, name)) ?? "").trim().split(" ");
  const [has, gives] = [await words("cgroup.controllers"), await words("cgroup.subtree_control")];
  const missing = WANTED.filter((name) => has.includes(name) && !gives.includes(name));
  if (missing.length === 0) return parent;
  const order = missing.map((name) => `+${name}`).join(" ");
  try {
    await writeControl(parent, "cgroup.subtree_control", order);
  } catch (error) {
    if (!isDomainError(error)) throw error;
    await moveAside(parent);
    await writeControl(parent, "cgroup.subtree_control", order);
  }
  return parent;
}

/** Takes this process and those it descends from into a group of their own, if nobody else is in theirs. */
async function moveAside(parent: string): Promise<void> {
  const members = ((await readControl(parent, "cgroup.procs")) ?? "").split("\n").filter((pid) => pid !== "");
  const own = await ancestry();
  if (members.some((pid) => !own.includes(pid)))
    throw new DomainError("unavailable", "The service shares its control group with other programs.");
  const aside = join(parent, OWN_GROUP);
  await makeGroup(aside);
  for (const pid of members) await writeControl(aside, "cgroup.procs", pid);
}

async function ancestry(): Promise<readonly string[]> {
  const pids: string[] = [];
  for (let pid = process.pid; pid > 0 && !pids.includes(String(pid));) {
    pids.push(String(pid));
    pid = (await readProcess(pid))?.parent ?? 0;
  }
  return pids;
}

/** Whether groups made there will have a limit of memory: those of version 1 have what their parent has. */
async function limitsMemory(parent: string): Promise<boolean> {
  const gives = ((await readControl(parent, "cgroup.subtree_control")) ?? "").trim().split(" ");
  return gives.includes("memory") || (await hasControl(parent, "memory.limit_in_bytes"));
}

function lacksOf(memory: boolean, problems: readonly string[]): readonly string[] {
  if (memory) return [];
  const why = problems[0] ?? "no memory controller is there";
  return [`a limit of their memory (${why.replace(/\.$/u, "")})`];
}

/** Swap counts as memory. */
async function setLimits(folder: string, { memoryBytes, processes }: GroupLimits): Promise<void> {
  const bytes = memoryBytes === undefined ? undefined : String(memoryBytes);
  const controls: readonly (readonly [string, string | undefined])[] = [
    ["memory.max", bytes],
    ["memory.swap.max", bytes === undefined ? undefined : "0"],
    ["memory.limit_in_bytes", bytes],
    ["memory.memsw.limit_in_bytes", bytes],
    ["pids.max", String(processes)],
  ];
  for (const [name, text] of controls)
    if (text !== undefined && (await hasControl(folder, name))) await writeControl(folder, name, text);
}
