import type { BackupTarget } from "../ports/backup.ts";
import type { JobLogs } from "../ports/job-logs.ts";
import type { BackupProgress, LogLine } from "./format.ts";

/** Writes the logs of all jobs as far as they are there now. */
export async function exportLogs(
  logs: JobLogs,
  target: BackupTarget,
  progress: BackupProgress,
): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const job of logs.list()) {
    progress({ what: "logs", done: lines.length });
    const streams = [...(await logs.streams(job))];
    const size = streams.reduce((sum, stream) => sum + stream.size, 0);
    if (size === 0) continue;
    const file = `logs/${job}`;
    // The last stream may have grown since.
    const { sha256 } = await target.write(file, size, logs.read(job, 0, size));
    lines.push({ file, job, streams, size, sha256 });
  }
  return lines;
}
