import type { JobRef, JobRunner, RunnerName } from "../ports/job-runner.ts";
import type { JobActivity } from "./activity.ts";
import type { Job } from "./job.ts";
import type { Place } from "./placement.ts";

type Placed = Pick<JobActivity, "id" | "runner" | "node">;

/** Who works on a job; `undefined` when only another process on the same store has that runner. */
export function runnerOf(runners: readonly JobRunner[], { runner }: Placed): JobRunner | undefined {
  return runner === undefined ? runners[0] : runners.find(({ name }) => name === runner);
}

export function runnerNames(runners: readonly JobRunner[]): RunnerName[] {
  return runners.map(({ name }) => name);
}

export function refOf({ id, node }: Placed): JobRef {
  return { jobId: id, ...(node === undefined ? {} : { node }) };
}

/** The job's record says which node works on it (behaviour 159). */
export function placedAt(job: Job, place: Pick<Place, "node"> | undefined): Job {
  return { ...job, remote_build_node: place?.node ?? "" };
}
