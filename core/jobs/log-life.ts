import type { JobActivity } from "./activity.ts";
import type { Job } from "./job.ts";
import { isTerminal } from "./status.ts";

/** Last lines of a log are taken for so long after the job has ended. */
const LOG_GRACE_MS = 600_000;

/**
 * Whether a job's agent may still add to its log; when not, the log is complete. An agent may until the job has ended
 * and nothing of its work is left, or for ten minutes when that cannot be brought about.
 */
export function isLogOpen(job: Job, activity: JobActivity | undefined, now: number): boolean {
  if (!isTerminal(job.status)) return true;
  return activity !== undefined && now - endOf(job) < LOG_GRACE_MS;
}

/** When the job ended (milliseconds); of a job whose phases nobody wrote down, when it was made. */
export function endOf(job: Job): number {
  return Date.parse(job.progress?.phases.at(-1)?.ended ?? job.created);
}
