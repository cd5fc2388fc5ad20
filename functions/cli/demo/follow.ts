import { setTimeout as delay } from "node:timers/promises";
import { isDomainError } from "../../../core/errors.ts";
import { isTerminal } from "../../../core/jobs/status.ts";
import type { DemoApi, DemoJob } from "./parts.ts";
import type { ProgressReporter } from "./progress.ts";

const POLL_MS = 1000;
/** So many questions in a row may stay without an answer. */
const PATIENCE = 15;

interface LogTail {
  /** The last line so far that is not empty. */
  read(): Promise<string>;
}

function createLogTail(api: DemoApi, jobId: string): LogTail {
  const decoder = new TextDecoder();
  let offset = 0;
  let last = "";
  let rest = "";
  return {
    read: async () => {
      const bytes = await api.readJobLog(jobId, offset);
      offset += bytes.length;
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      last = lines.findLast((line) => line.trim() !== "") ?? last;
      return last;
    },
  };
}

/**
 * Asks for the job until it has ended, and reports each time. A service that is busy may miss a few questions.
 * @throws what the API throws; the signal's reason.
 */
export async function followJob(
  api: DemoApi,
  jobId: string,
  reporter: ProgressReporter,
  signal: AbortSignal,
  pollMs: number = POLL_MS,
): Promise<DemoJob> {
  const log = createLogTail(api, jobId);
  let missed = 0;
  for (;;) {
    try {
      const job = await api.getJob(jobId);
      reporter.update(job, await log.read());
      if (isTerminal(job.status)) return job;
      missed = 0;
    } catch (error) {
      missed += 1;
      if (!isDomainError(error, "unavailable") || missed >= PATIENCE) throw error;
    }
    await delay(pollMs, undefined, { signal });
  }
}
