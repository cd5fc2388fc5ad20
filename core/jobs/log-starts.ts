import type { JobLogs } from "../ports/job-logs.ts";

/** Where in its job's whole log a stream begins: it stays there, as the earlier ones grow no more. */
export type LogStarts = (jobId: string, stream: number) => Promise<number>;

/** So many are remembered: of the jobs that run, and some more. */
const KEPT = 1000;

export function createLogStarts(logs: Pick<JobLogs, "size">): LogStarts {
  const known = new Map<string, number>();
  return async (jobId, stream) => {
    const key = `${jobId}.${stream}`;
    const start = known.get(key) ?? (await sizeBefore(logs, jobId, stream));
    known.set(key, start);
    const [oldest] = known.keys();
    if (known.size > KEPT && oldest !== undefined) known.delete(oldest);
    return start;
  };
}

async function sizeBefore(logs: Pick<JobLogs, "size">, jobId: string, stream: number): Promise<number> {
  let size = 0;
  for (let earlier = 0; earlier < stream; earlier += 1) size += await logs.size(jobId, earlier);
  return size;
}
