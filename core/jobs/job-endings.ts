import type { CorePorts } from "../core-ports.ts";
import type { Change } from "../ports/records.ts";
import type { Settings } from "../settings.ts";
import { releaseChanges } from "./activities.ts";
import type { JobFailure } from "./failure.ts";
import type { Job } from "./job.ts";
import { logTail } from "./log-tail.ts";
import { failed } from "./transitions.ts";

export type FailureReason = Omit<JobFailure, "phase" | "log_tail">;

/** Commits the end of a job together with the release of its work. `next` answers undefined when it has ended already. */
export async function endJob(
  ports: CorePorts,
  settings: Settings,
  jobId: string,
  next: (job: Job) => Job | undefined,
  also: readonly Change[] = [],
): Promise<Job | undefined> {
  const stored = await ports.records.get("job", jobId);
  const job = stored && next(stored.value);
  if (stored === undefined || job === undefined) return stored?.value;
  const activity = await ports.records.get("job-activity", jobId);
  const release = activity === undefined ? [] : releaseChanges(activity, job, settings, ports.clock.now());
  const change = { op: "replace", kind: "job", id: jobId, version: stored.version, value: job } as const;
  await ports.records.commit([change, ...release, ...also]);
  const { status, error } = job;
  ports.telemetry.emit({ event: "job-ended", level: "info", job: jobId, status, code: error?.code });
  return job;
}

/** @throws `lost-race` when the job changed meanwhile: look again before deciding. */
export async function failJob(
  ports: CorePorts,
  settings: Settings,
  jobId: string,
  reason: FailureReason,
): Promise<void> {
  const tail = await tailOrNothing(ports, jobId);
  await endJob(ports, settings, jobId, (job) =>
    failed(job, { ...reason, log_tail: tail }, ports.clock.now()),
  );
}

/** The log's last lines, as far as they can be read: a failure is told without them, too. */
export async function tailOrNothing({ logs, telemetry }: CorePorts, jobId: string): Promise<string[]> {
  return await logTail(logs, jobId).catch((error: unknown) => {
    telemetry.emit({ event: "log-unreadable", level: "warn", job: jobId, reason: String(error) });
    return [];
  });
}
