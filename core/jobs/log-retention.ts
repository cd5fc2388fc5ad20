import type { Ports } from "../ports/index.ts";
import { endOf } from "./log-life.ts";
import { isTerminal } from "./status.ts";

const DAY_MS = 86_400_000;
/** Nobody waits for a log to go, and looking through all of them takes a while. */
const INTERVAL_MS = 3_600_000;

type RetentionPorts = Pick<Ports, "records" | "logs" | "clock">;

/**
 * Removes the logs of jobs that ended so many days ago, and those that a crash left of deleted jobs; 0 days: only the
 * latter. Has the store complete those of jobs that are over, once each: a crash may have come before. Does its work
 * once an hour, however often it is called.
 */
export function createLogRetention(
  ports: RetentionPorts,
  days: number,
): (signal?: AbortSignal) => Promise<void> {
  let next = Number.NEGATIVE_INFINITY;
  let completed = new Set<string>();
  return async (signal) => {
    const now = ports.clock.now();
    if (now < next) return;
    next = now + INTERVAL_MS;
    const endedBefore = days === 0 ? Number.NEGATIVE_INFINITY : now - days * DAY_MS;
    const before = completed;
    completed = new Set();
    for await (const jobId of ports.logs.list()) {
      if (signal?.aborted === true) return;
      const state = await stateOf(ports, jobId, endedBefore);
      if (state === "growing") continue;
      if (state === "old") await ports.logs.remove(jobId);
      else if (!before.has(jobId)) await ports.logs.complete(jobId);
      completed.add(jobId);
    }
  };
}

async function stateOf(
  { records }: RetentionPorts,
  jobId: string,
  endedBefore: number,
): Promise<"growing" | "complete" | "old"> {
  // First, so that a job that is gone by the second look has nobody left who writes.
  if ((await records.get("job-activity", jobId)) !== undefined) return "growing";
  const job = (await records.get("job", jobId))?.value;
  if (job === undefined) return "old";
  if (!isTerminal(job.status)) return "growing";
  return endOf(job) < endedBefore ? "old" : "complete";
}
