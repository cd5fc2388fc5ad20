import type { JobLogs } from "../ports/job-logs.ts";

const TAIL_BYTES = 8192;
const TAIL_LINES = 20;

/** The last lines of a job's log, oldest first; what cannot be read is left out rather than hiding the failure itself. */
export async function logTail(logs: JobLogs, jobId: string): Promise<string[]> {
  const total = await logs.totalSize(jobId);
  const chunks: string[] = [];
  const decoder = new TextDecoder();
  for await (const bytes of logs.read(jobId, Math.max(0, total - TAIL_BYTES)))
    chunks.push(decoder.decode(bytes, { stream: true }));
  const lines = chunks.join("").split("\n");
  if (total > TAIL_BYTES) lines.shift();
  return lines.filter((line) => line !== "").slice(-TAIL_LINES);
}
