import { getStored } from "../collection.ts";
import type { Ports } from "../ports/index.ts";

export interface JobLog {
  /** Bytes stored when it was asked for. */
  readonly size: number;
  /** From a byte offset on; to be read once. */
  readonly read: (offset: number) => AsyncIterable<Uint8Array>;
}

export interface JobLogReader {
  /** @throws `not-found` when there is no such job; a job without output has an empty log. */
  open(jobId: string): Promise<JobLog>;
}

export function createJobLogReader({ records, logs }: Pick<Ports, "records" | "logs">): JobLogReader {
  return {
    async open(jobId) {
      await getStored(records, "job", jobId);
      return { size: await logs.totalSize(jobId), read: (offset) => logs.read(jobId, offset) };
    },
  };
}
