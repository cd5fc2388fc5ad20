import type { JobLogs } from "../../core/ports/job-logs.ts";
import { checkJobId, checkPosition, gap } from "./checks.ts";

/** Logs in memory, for tests. */
export function createMemoryJobLogs(): JobLogs {
  const logs = new Map<string, Map<number, Uint8Array>>();
  const whole = (jobId: string): Buffer => {
    checkJobId(jobId);
    const streams = [...(logs.get(jobId) ?? [])].sort(([a], [b]) => a - b);
    return Buffer.concat(streams.map(([, bytes]) => bytes));
  };

  return {
    async append(jobId, stream, offset, bytes) {
      checkJobId(jobId);
      checkPosition("stream", stream);
      checkPosition("offset", offset);
      const streams = logs.get(jobId) ?? new Map<number, Uint8Array>();
      const stored = streams.get(stream) ?? new Uint8Array();
      if (offset > stored.length) throw gap(stored.length, offset);
      const longer = Buffer.concat([stored, bytes.subarray(stored.length - offset)]);
      logs.set(jobId, streams.set(stream, longer));
      return longer.length;
    },

    async size(jobId, stream) {
      checkJobId(jobId);
      checkPosition("stream", stream);
      return logs.get(jobId)?.get(stream)?.length ?? 0;
    },

    async streams(jobId) {
      checkJobId(jobId);
      const streams = [...(logs.get(jobId) ?? [])].sort(([a], [b]) => a - b);
      return streams.map(([stream, bytes]) => ({ stream, size: bytes.length }));
    },

    async totalSize(jobId) {
      return whole(jobId).length;
    },

    async *read(jobId, offset = 0, length = Number.MAX_SAFE_INTEGER) {
      checkPosition("offset", offset);
      checkPosition("length", length);
      const rest = whole(jobId).subarray(offset, offset + length);
      if (rest.length > 0) yield Uint8Array.from(rest);
    },

    async complete(jobId) {
      checkJobId(jobId);
    },

    async *list() {
      yield* logs.keys();
    },

    async remove(jobId) {
      checkJobId(jobId);
      logs.delete(jobId);
    },
  };
}
