import { constants } from "node:fs";
import { mkdir, open, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { syncDirectory } from "../../files/durable.ts";
import { asDomainError, isMissing } from "../../process/errors.ts";
import { readProcess } from "../../process/process-table.ts";

/** What the runner has to know of a job's agent, whatever becomes of the work folder. */
const AgentNote = v.object({
  attempt: v.number(),
  /** Tells the same pid and start after a reboot apart. */
  boot: v.string(),
  /** Absent until it is started. */
  agent: v.optional(v.object({ pid: v.number(), started: v.string() })),
  /** Folders of its control groups. */
  groups: v.pipe(v.array(v.string()), v.readonly()),
  memoryBytes: v.optional(v.number()),
});
export type AgentNote = v.InferOutput<typeof AgentNote>;

/** Where the notes of all jobs are, and what their agents print. */
export interface Notes {
  /** Notes it so that it is there after a crash or a loss of power. */
  write(jobId: string, note: Omit<AgentNote, "boot">): Promise<void>;
  read(jobId: string): Promise<AgentNote | undefined>;
  remove(jobId: string): Promise<void>;
  /** Ids of the jobs that have one. */
  list(): Promise<readonly string[]>;
  /** A new file for what the agent prints; its opener closes it. */
  openOutput(jobId: string): Promise<{ readonly fd: number; close(): Promise<void> }>;
  /** What the agent said last on its own output, which says nothing as long as all goes well. */
  lastWords(jobId: string): Promise<string | undefined>;
}

const NOTE = ".json";
const OUTPUT = ".out";
const LONGEST_WORDS = 300;
const OUTPUT_TAIL = 4096;
const UNREADABLE = "The notes about running jobs cannot be read.";

/** `folder` is made when it is not there. */
export function createNotes(folder: string): Notes {
  const pathOf = (jobId: string, suffix: string): string => join(folder, `${jobId}${suffix}`);

  return {
    write: async (jobId, note) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeDurably(folder, pathOf(jobId, NOTE), JSON.stringify({ ...note, boot: await bootId() }));
    },
    read: async (jobId) => {
      const text = await readIfThere(pathOf(jobId, NOTE));
      const result = v.safeParse(v.pipe(v.string(), v.parseJson(), AgentNote), text);
      return result.success ? result.output : undefined;
    },
    remove: async (jobId) => {
      // The note last: as long as something is left, the job is listed.
      for (const suffix of [OUTPUT, `${NOTE}.new`, NOTE]) await rm(pathOf(jobId, suffix), { force: true });
    },
    list: async () => {
      const names = await namesIn(folder);
      return names.filter((name) => name.endsWith(NOTE)).map((name) => name.slice(0, -NOTE.length));
    },
    openOutput: async (jobId) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return await open(pathOf(jobId, OUTPUT), "w", 0o600);
    },
    lastWords: (jobId) => lastLine(pathOf(jobId, OUTPUT)),
  };
}

/** Names the time between two starts of the machine. */
export async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}

/** Whether the noted agent still runs. */
export async function lives({ agent, boot }: AgentNote): Promise<boolean> {
  if (agent === undefined || boot !== (await bootId())) return false;
  return (await readProcess(agent.pid))?.started === agent.started;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw asDomainError(error, UNREADABLE);
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw asDomainError(error, UNREADABLE);
  }
}

async function writeDurably(folder: string, path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncDirectory(folder);
}

async function lastLine(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { size } = await file.stat();
      const position = Math.max(0, size - OUTPUT_TAIL);
      const { buffer, bytesRead } = await file.read({ position, length: OUTPUT_TAIL });
      const line = buffer.toString("utf8", 0, bytesRead).trimEnd().split("\n").at(-1);
      return line?.slice(0, LONGEST_WORDS) || undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw asDomainError(error, UNREADABLE);
  }
}
