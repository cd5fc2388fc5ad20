import { setTimeout as delay } from "node:timers/promises";
import { DomainError } from "../../core/errors.ts";
import { codeOf } from "./errors.ts";
import { listProcesses, readProcess } from "./process-table.ts";
import type { ProcessFacts, ProcessView } from "./process-table.ts";

const PAUSE_MILLISECONDS = 50;

/** The kernel marks a folder that was removed under its user. */
function lies(path: string, folder: string): boolean {
  return path === folder || path === `${folder} (deleted)` || path.startsWith(`${folder}/`);
}

/**
 * Whether a process is of this job: by the job's id in its environment, or because it lives in the job's work folder.
 * A shell of somebody who looks around there has a terminal, which no program of an agent has.
 */
function belongs(view: ProcessView, jobId: string, workFolder: string): boolean {
  if (view.environment.includes(`IMS_JOB_ID=${jobId}`)) return true;
  return !view.terminal && view.folders.some((folder) => lies(folder, workFolder));
}

/** What still runs of a job, other than the asking process and its ancestors. */
export async function findJobProcesses(jobId: string, workFolder: string): Promise<readonly ProcessFacts[]> {
  return (await listProcesses()).filter((view) => belongs(view, jobId, workFolder));
}

async function kill({ pid, started }: ProcessFacts): Promise<void> {
  // The pid may name another process by now.
  if ((await readProcess(pid))?.started !== started) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (codeOf(error) !== "ESRCH") {
      throw new DomainError("unavailable", `Process ${pid} of a job cannot be ended.`, { cause: error });
    }
  }
}

/**
 * Kills everything a job runs, again and again until there is nothing left: a killed process may just have started
 * another one.
 * @throws `unavailable` when something still lives after `limit` milliseconds.
 */
export async function killJobProcesses(jobId: string, workFolder: string, limit = 10_000): Promise<void> {
  const deadline = performance.now() + limit;
  for (;;) {
    const left = await findJobProcesses(jobId, workFolder);
    if (left.length === 0) return;
    if (performance.now() > deadline) {
      const pids = left.map(({ pid }) => pid).join(", ");
      throw new DomainError("unavailable", `Processes of job ${jobId} do not end: ${pids}.`);
    }
    for (const facts of left) await kill(facts);
    await delay(PAUSE_MILLISECONDS);
  }
}
