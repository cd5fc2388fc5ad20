import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { AgentPresence } from "../../../core/ports/job-runner.ts";
import { memoryUse } from "../../cgroups/memory.ts";
import { asDomainError, isMissing } from "../../process/errors.ts";
import { listProcesses } from "../../process/process-table.ts";
import type { ProcessView } from "../../process/process-table.ts";
import { bootId, lives } from "./agent-note.ts";
import type { AgentNote } from "./agent-note.ts";
import type { JobPlace } from "./place.ts";

type Absent = Extract<AgentPresence, { state: "absent" }>;

/** An agent removes its work folder as the last thing it does: it is given so long to end. */
const ENDING_MILLISECONDS = 1000;

function valueOf(view: ProcessView, name: string): string | undefined {
  return view.environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Agents alone know where the service is; what they run is not told. */
function isAgent(view: ProcessView, at: JobPlace): boolean {
  return jobOf(view, join(at.folder, "..")) === at.jobId && valueOf(view, "IMS_SERVICE_URL") !== undefined;
}

/** The job of a process, if it is one of this folder's: another service may run its own on the same machine. */
export function jobOf(view: ProcessView, root: string): string | undefined {
  const id = valueOf(view, "IMS_JOB_ID");
  return id !== undefined && valueOf(view, "IMS_WORK_FOLDER") === join(root, id) ? id : undefined;
}

/** Whether the job's agent lives, or why it does not. `ending`: how it ended, where this process saw it. */
export async function lookFor(at: JobPlace, ending: () => string | undefined): Promise<AgentPresence> {
  const note = await at.notes.read(at.jobId);
  const alive = async () =>
    (note !== undefined && (await lives(note))) || (await listProcesses()).some((view) => isAgent(view, at));
  if (!(await alive())) return await absence(at, note, ending());
  if (await isThere(at.folder)) return { state: "running" };
  await delay(ENDING_MILLISECONDS);
  return (await alive()) ? { state: "absent", cause: "work-folder-gone" } : await absence(at, note, ending());
}

async function isThere(folder: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw asDomainError(error, "The work folder of a job cannot be looked at.");
  }
}

async function absence(
  { jobId, notes }: JobPlace,
  note: AgentNote | undefined,
  ending: string | undefined,
): Promise<AgentPresence> {
  const reason = reasonOf(ending, await notes.lastWords(jobId));
  const known = note === undefined ? {} : await causeOf(note, reason);
  return { state: "absent", ...(reason === undefined ? {} : { reason }), ...known };
}

async function causeOf(
  { boot, groups, memoryBytes }: AgentNote,
  reason: string | undefined,
): Promise<Partial<Pick<Absent, "cause" | "memory">>> {
  if (boot !== (await bootId())) return { cause: "machine-restarted" };
  const use = await memoryUse(groups);
  // It may have outlived a program that the kernel killed, and ended otherwise later.
  if (use === undefined || use.kills === 0 || (reason !== undefined && !reason.startsWith(KILLED))) return {};
  return { cause: "oom-killed", memory: { limitBytes: memoryBytes, peakBytes: use.peakBytes } };
}

const KILLED = "killed by SIGKILL";

/** unshare, as of util-linux 2.38, stumbles when it passes on the one signal that nobody can handle. */
const UNSHARE_STUMBLED = /^unshare: sigprocmask /u;

function reasonOf(ending: string | undefined, words: string | undefined): string | undefined {
  if (words !== undefined && UNSHARE_STUMBLED.test(words)) return KILLED;
  const known = [ending, words].filter((part) => part !== undefined);
  return known.length === 0 ? undefined : known.join(": ");
}
