import { getStored } from "../collection.ts";
import { DomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Change } from "../ports/records.ts";
import { reapply } from "../retry.ts";
import type { Settings } from "../settings.ts";
import { releaseChanges } from "./activities.ts";
import type { Job } from "./job.ts";
import { isTerminal, type JobStatus } from "./status.ts";
import { failed, patched } from "./transitions.ts";

export interface JobPatch {
  readonly status?: JobStatus | undefined;
  readonly resultant_image_id?: string | undefined;
}

/** What people may do to one job. All throw `not-found`. */
export interface JobChanges {
  /** An administrator's word. `success` and `error` stop the agent. */
  update(id: string, patch: JobPatch): Promise<Job>;
  /** Ends the job and keeps its record. @throws `conflict` when it has ended in another way. */
  cancel(id: string): Promise<Job>;
  /** For good. The work is stopped and cleaned after the answer. */
  remove(id: string): Promise<void>;
}

/** `wake` is called when there may be something to launch or to clean. */
export function createJobChanges(ports: CorePorts, settings: Settings, wake: () => void): JobChanges {
  const { records, clock } = ports;

  /** Replaces the job and, when it is over, has its work released, in one commit. */
  async function change(id: string, byHand: boolean, next: (job: Job) => Job): Promise<Job> {
    const value = await reapply(ports, async () => {
      const stored = await getStored(records, "job", id);
      const job = next(stored.value);
      const release = await releaseOf(stored.value, job, byHand);
      await records.commit([
        { op: "replace", kind: "job", id, version: stored.version, value: job },
        ...release,
      ]);
      return job;
    });
    wake();
    return value;
  }

  /** A job that has ended, or was moved out of `creating` before its launch, leaves the queue. */
  async function releaseOf(before: Job, after: Job, byHand: boolean): Promise<Change[]> {
    if (after.status === before.status && !isTerminal(after.status)) return [];
    const activity = await records.get("job-activity", after.id);
    if (activity === undefined) return [];
    if (!isTerminal(after.status) && activity.value.state !== "queued") return [];
    return releaseChanges(activity, after, settings, clock.now(), byHand);
  }

  async function remove(id: string): Promise<void> {
    const working = await reapply(ports, async () => {
      const stored = await getStored(records, "job", id);
      const activity = await records.get("job-activity", id);
      const release =
        activity === undefined ? [] : releaseChanges(activity, stored.value, settings, clock.now());
      await records.commit([{ op: "remove", kind: "job", id, version: stored.version }, ...release]);
      return activity !== undefined;
    });
    // An agent that still runs may write to its log; then the log goes when the agent is gone.
    if (working) wake();
    else await ports.logs.remove(id);
  }

  return {
    update: (id, patch) => change(id, true, (job) => patched(job, patch, clock.now())),
    cancel: (id) => change(id, false, (job) => cancelled(job, clock.now())),
    remove,
  };
}

function cancelled(job: Job, now: number): Job {
  if (job.error?.code === "cancelled") return job;
  const next = failed(
    job,
    {
      code: "cancelled",
      message: "The job was cancelled.",
      log_tail: [],
      hint: "Post the job again when you want it after all.",
    },
    now,
  );
  if (next === undefined) throw new DomainError("conflict", `The job has ended already: ${job.status}.`);
  return next;
}
