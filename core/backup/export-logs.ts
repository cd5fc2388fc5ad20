import type { BackupTarget } from "../ports/backup.ts";
import type { JobLogs } from "../ports/job-logs.ts";
import type { BackupProgress, LogLine } from "./format.ts";
import type { OriginalLog } from "./originals.ts";

/** The logs of all jobs that have said something, as far as they are there now. */
export async function* logsIn(logs: JobLogs): AsyncGenerator<OriginalLog> {
  for await (const job of logs.list()) {
    const streams = [...(await logs.streams(job))];
    const size = streams.reduce((sum, stream) => sum + stream.size, 0);
    if (size > 0) yield { file: `logs/${job}`, job, streams, size };
  }
}

/** Writes the logs of all jobs as far as they are there now. */
export async function exportLogs(
  logs: JobLogs,
  target: BackupTarget,
  progress: BackupProgress,
): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const log of logsIn(logs)) {
    progress({ what: "logs", done: lines.length });
    // The last stream may have grown since.
    const { sha256 } = await target.write(log.file, log.size, logs.read(log.job, 0, log.size));
    lines.push({ ...log, sha256 });
  }
  return lines;
}
