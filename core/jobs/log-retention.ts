import type { Ports } from "../ports/index.ts";
import { endOf } from "./log-life.ts";
import { isTerminal } from "./status.ts";

const DAY_MS = 86_400_000;
/** Nobody waits for a log to go, and looking through all of them takes a while. */
const INTERVAL_MS = 3_600_000;

type RetentionPorts = Pick<Ports, "records" | "logs" | "clock">;

/**
 * Removes the logs of jobs that ended so many days ago, and those that a crash left of deleted jobs; 0 days: only the
 * latter. Does its work once an hour, however often it is called.
 */
export function createLogRetention(
  ports: RetentionPorts,
  days: number,
): (signal?: AbortSignal) => Promise<void> {
  let next = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    const now = ports.clock.now();
    if (now < next) return;
    next = now + INTERVAL_MS;
    const endedBefore = days === 0 ? Number.NEGATIVE_INFINITY : now - days * DAY_MS;
    for await (const jobId of ports.logs.list()) {
      if (signal?.aborted === true) return;
      if (await isOver(ports, jobId, endedBefore)) await ports.logs.remove(jobId);
    }
  };
}

async function isOver({ records }: RetentionPorts, jobId: string, endedBefore: number): Promise<boolean> {
  // First, so that a job that is gone by the second look has nobody left who writes.
  if ((await records.get("job-activity", jobId)) !== undefined) return false;
  const job = (await records.get("job", jobId))?.value;
  return job === undefined || (isTerminal(job.status) && endOf(job) < endedBefore);
}
