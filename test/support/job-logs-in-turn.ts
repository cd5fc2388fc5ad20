import type { JobLogs } from "../../core/ports/job-logs.ts";

/** Each call goes to the next store in turn: what one has stored, the others must have. */
export function jobLogsInTurn(stores: readonly [JobLogs, ...JobLogs[]]): JobLogs {
  let calls = 0;
  const next = (): JobLogs => stores[calls++ % stores.length] ?? stores[0];
  return {
    append: (jobId, stream, offset, bytes) => next().append(jobId, stream, offset, bytes),
    size: (jobId, stream) => next().size(jobId, stream),
    streams: (jobId) => next().streams(jobId),
    totalSize: (jobId) => next().totalSize(jobId),
    read: (jobId, offset, length) => next().read(jobId, offset, length),
    complete: (jobId) => next().complete(jobId),
    list: () => next().list(),
    remove: (jobId) => next().remove(jobId),
  };
}
