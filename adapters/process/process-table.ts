import { readFile, readdir, readlink } from "node:fs/promises";
import { DomainError } from "../../core/errors.ts";
import { asDomainError, isForbidden, isMissing } from "./errors.ts";

/** What the kernel says of one living process. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  /** Whether it has a terminal: somebody sits before it. */
  readonly terminal: boolean;
  /** Ticks since boot at its start; with the pid it names a process for as long as the machine runs. */
  readonly started: string;
}

export interface ProcessView extends ProcessFacts {
  /** `NAME=value`, as they were when its program was started; empty when that is not for us to read. */
  readonly environment: readonly string[];
  /** Working folder and root, where they can be read. */
  readonly folders: readonly string[];
}

/** Another user's processes, and those that end meanwhile, are none of ours. */
async function unlessHidden<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isMissing(error) || isForbidden(error)) return undefined;
    throw asDomainError(error, "The table of processes cannot be read.");
  }
}

/** The process with this pid; `undefined` when it has ended, be it reaped or not. */
export async function readProcess(pid: number): Promise<ProcessFacts | undefined> {
  const stat = await unlessHidden(readFile(`/proc/${pid}/stat`, "utf8"));
  if (stat === undefined) return undefined;
  // The name, in parentheses, may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, parent, , , terminal] = fields;
  const started = fields[19];
  if (started === undefined || state === "Z" || state === "X") return undefined;
  return { pid, parent: Number(parent), terminal: terminal !== "0", started };
}

async function viewProcess(pid: number): Promise<ProcessView | undefined> {
  const [facts, environment, ...folders] = await Promise.all([
    readProcess(pid),
    unlessHidden(readFile(`/proc/${pid}/environ`, "utf8")),
    unlessHidden(readlink(`/proc/${pid}/cwd`)),
    unlessHidden(readlink(`/proc/${pid}/root`)),
  ]);
  if (facts === undefined) return undefined;
  return {
    ...facts,
    environment: environment?.split("\0") ?? [],
    folders: folders.filter((folder) => folder !== undefined),
  };
}

async function listPids(): Promise<number[]> {
  try {
    return (await readdir("/proc")).filter((name) => /^\d+$/u.test(name)).map(Number);
  } catch (error) {
    throw asDomainError(error, "The table of processes cannot be read.");
  }
}

/** Every living process but this one and those it descends from. */
export async function listProcesses(): Promise<readonly ProcessView[]> {
  const views: ProcessView[] = [];
  for (const pid of await listPids()) {
    const view = await viewProcess(pid);
    if (view !== undefined) views.push(view);
  }
  const above = lineage(views);
  return views.filter((view) => !above.has(view.pid));
}

function lineage(views: readonly ProcessView[]): ReadonlySet<number> {
  const parents = new Map(views.map((view) => [view.pid, view.parent]));
  const seen = new Set<number>();
  let pid: number | undefined = process.pid;
  while (pid !== undefined && !seen.has(pid)) {
    seen.add(pid);
    pid = parents.get(pid);
  }
  return seen;
}

/** Which process this is, also for who reads it later. */
export async function thisProcess(): Promise<ProcessFacts> {
  const facts = await readProcess(process.pid);
  if (facts !== undefined) return facts;
  throw new DomainError("unavailable", "This machine has no /proc: jobs can run on Linux alone.");
}
