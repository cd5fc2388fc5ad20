import { isoTime } from "../collection.ts";
import type { ShellAddresses } from "../ports/job-runner.ts";
import type { AgentReport } from "./agent-messages.ts";
import type { JobFailure } from "./failure.ts";
import type { Job, JobProgress } from "./job.ts";
import { closeShells, openShells } from "./job-shell.ts";
import { agentMayReport, isTerminal, type JobStatus } from "./status.ts";

/**
 * What may happen to a job. Each function answers the job as it is afterwards, or `undefined` when the event changes
 * nothing: nothing but an administrator's word changes a job that has ended.
 */
export function reported(
  job: Job,
  report: AgentReport,
  now: number,
  known: ReportFacts = {},
): Job | undefined {
  if (!agentMayReport(job.job_type, job.status, report.status)) return undefined;
  const progress: JobProgress = {
    ...(report.message === undefined ? {} : { message: report.message }),
    ...(report.percent === undefined ? {} : { percent: report.percent }),
    phases: enter(job.progress, report.status, now),
  };
  return {
    ...job,
    ...heldFailure(job, report, known),
    ...shells(job, report, known),
    status: report.status,
    progress,
  };
}

/** A job whose agent is on its way, and what keeps it. */
export function delayed(job: Job, reason: string): Job | undefined {
  if (job.status !== "creating" || job.progress === undefined || reason === "") return undefined;
  if (job.progress.message === reason) return undefined;
  return { ...job, progress: { ...job.progress, message: reason } };
}

/** What a report does not say itself. */
export interface ReportFacts {
  /** Where the shell that the report tells of is reached. */
  readonly shell?: ShellAddresses | undefined;
  /** The log's last lines; asked for with a failure that is held back. */
  readonly logTail?: readonly string[];
}

/** The first one counts. */
function heldFailure(job: Job, { held }: AgentReport, { logTail = [] }: ReportFacts): Partial<Job> {
  if (held === undefined || job.held_failure !== undefined) return {};
  return { held_failure: { ...held, log_tail: [...logTail] } };
}

function shells(job: Job, { status }: AgentReport, { shell }: ReportFacts): Partial<Job> {
  const { ssh_containers } = job;
  if (status === "waiting_on_user" && shell !== undefined)
    return { ssh_containers: openShells(ssh_containers, shell) };
  const isOver = job.status === "waiting_on_user" && status !== "waiting_on_user";
  return isOver ? { ssh_containers: closeShells(ssh_containers) } : {};
}

export function succeeded(job: Job, imageId: string, now: number): Job | undefined {
  if (isTerminal(job.status) || job.held_failure !== undefined) return undefined;
  return { ...ended(job, now), status: "success", resultant_image_id: imageId };
}

/** A build's failure that was held back while its shell was open is the reason, whatever ended the shell. */
export function failed(job: Job, failure: Omit<JobFailure, "phase">, now: number): Job | undefined {
  if (isTerminal(job.status)) return undefined;
  const error = job.held_failure ?? { phase: job.status, ...failure };
  return { ...ended(job, now), status: "error", error };
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
  const over = isTerminal(status) ? { ssh_containers: closeShells(job.ssh_containers) } : {};
  return { ...job, ...over, status, resultant_image_id, progress: { phases } };
}

function ended(job: Job, now: number): Job {
  return {
    ...job,
    ssh_containers: closeShells(job.ssh_containers),
    progress: { phases: close(job.progress, now) },
  };
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
