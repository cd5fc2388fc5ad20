import { createFileJobLogs } from "../../adapters/job-logs/files.ts";
import { createMemoryJobLogs } from "../../adapters/job-logs/memory.ts";
import type { JobLogs } from "../../core/ports/job-logs.ts";
import { scratchFolder } from "../support/archives.ts";
import { jobLogsContract } from "./job-logs.suite.ts";

/** Each call goes to the next store in turn: what one has stored, the others must have. */
function inTurn(stores: readonly [JobLogs, ...JobLogs[]]): JobLogs {
  let calls = 0;
  const next = (): JobLogs => stores[calls++ % stores.length] ?? stores[0];
  return {
    append: (jobId, stream, offset, bytes) => next().append(jobId, stream, offset, bytes),
    size: (jobId, stream) => next().size(jobId, stream),
    totalSize: (jobId) => next().totalSize(jobId),
    read: (jobId, offset, length) => next().read(jobId, offset, length),
    list: () => next().list(),
    remove: (jobId) => next().remove(jobId),
  };
}

jobLogsContract("memory", async () => createMemoryJobLogs());

jobLogsContract("files", async () => createFileJobLogs({ root: `${await scratchFolder()}/logs` }));

jobLogsContract("two stores on the same files", async () => {
  const root = await scratchFolder();
  return inTurn([createFileJobLogs({ root }), createFileJobLogs({ root })]);
});
