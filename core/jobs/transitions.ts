import { isoTime } from "../collection.ts";
import type { AgentReport } from "./agent-messages.ts";
import type { JobFailure } from "./failure.ts";
import type { Job, JobProgress } from "./job.ts";
import { agentMayReport, isTerminal, type JobStatus } from "./status.ts";

/**
 * What may happen to a job. Each function answers the job as it is afterwards, or `undefined` when the event changes
 * nothing: nothing but an administrator's word changes a job that has ended.
 */
export function reported(job: Job, report: AgentReport, now: number): Job | undefined {
  if (!agentMayReport(job.job_type, job.status, report.status)) return undefined;
  const progress: JobProgress = {
    ...(report.message === undefined ? {} : { message: report.message }),
    ...(report.percent === undefined ? {} : { percent: report.percent }),
    phases: enter(job.progress, report.status, now),
  };
  return { ...job, status: report.status, progress };
}

export function succeeded(job: Job, imageId: string, now: number): Job | undefined {
  if (isTerminal(job.status)) return undefined;
  return { ...ended(job, now), status: "success", resultant_image_id: imageId };
}

export function failed(job: Job, failure: Omit<JobFailure, "phase">, now: number): Job | undefined {
  if (isTerminal(job.status)) return undefined;
  return { ...ended(job, now), status: "error", error: { phase: job.status, ...failure } };
}

/** An administrator's word: any transition is allowed, and an error set this way has no reason (behaviour 171). */
export function patched(
  job: Job,
  patch: { readonly status?: JobStatus | undefined; readonly resultant_image_id?: string | undefined },
  now: number,
): Job {
  const status = patch.status ?? job.status;
  const phases = isTerminal(status) ? close(job.progress, now) : enter(job.progress, status, now);
  const resultant_image_id = patch.resultant_image_id ?? job.resultant_image_id;
  return { ...job, status, resultant_image_id, progress: { phases } };
}

function ended(job: Job, now: number): Job {
  return { ...job, progress: { phases: close(job.progress, now) } };
}

type Phases = JobProgress["phases"];

function close(progress: JobProgress | undefined, now: number): Phases {
  return (progress?.phases ?? []).map((span) =>
    span.ended === undefined ? { ...span, ended: isoTime(now) } : span,
  );
}

function enter(progress: JobProgress | undefined, status: JobStatus, now: number): Phases {
  const last = progress?.phases.at(-1);
  if (last?.status === status && last.ended === undefined) return progress?.phases ?? [];
  return [...close(progress, now), { status, started: isoTime(now) }];
}
