import type { JobLogs } from "../../../core/ports/job-logs.ts";
import { openS3, type S3Config } from "../../artifacts/s3/client.ts";
import { checkJobId, checkPosition, isJobId } from "../checks.ts";
import { createAppender } from "./append.ts";
import { jobPrefix, streamPrefix, streamsOf } from "./layout.ts";
import { mergeStream } from "./merge.ts";
import { readLog } from "./read.ts";
import { createSegments } from "./segments.ts";

export interface S3JobLogsConfig extends S3Config {
  /** Of logs alone. */
  readonly bucket: string;
  /** From so many bytes on a segment is full and the next one begins. */
  readonly segmentBytes?: number;
  /** A complete log is kept in objects of at most so many bytes, which are held in memory while they are merged. */
  readonly mergedBytes?: number;
}

/** An append writes half of it on average beside its own bytes, and a long log has as many fewer objects. */
const SEGMENT_BYTES = 131_072;
const MERGED_BYTES = 16_777_216;

/**
 * Logs in a bucket, for any number of processes at once. What was answered is as durable as the bucket. The store has to
 * know conditional writes (`If-Match`, `If-None-Match`). Opens no connection yet.
 */
export function createS3JobLogs(config: S3JobLogsConfig): JobLogs {
  const { bucket, segmentBytes = SEGMENT_BYTES, mergedBytes = MERGED_BYTES } = config;
  const segments = createSegments(openS3(config), bucket);
  const appender = createAppender(segments, segmentBytes);
  const streams = async (prefix: string) => streamsOf(await segments.list(prefix));

  return {
    async append(jobId, stream, offset, bytes) {
      checkJobId(jobId);
      checkPosition("stream", stream);
      checkPosition("offset", offset);
      return await appender.append(jobId, stream, offset, bytes);
    },

    async size(jobId, stream) {
      checkJobId(jobId);
      checkPosition("stream", stream);
      return (await streams(streamPrefix(jobId, stream)))[0]?.size ?? 0;
    },

    async streams(jobId) {
      checkJobId(jobId);
      return (await streams(jobPrefix(jobId))).map(({ stream, size }) => ({ stream, size }));
    },

    async totalSize(jobId) {
      checkJobId(jobId);
      return (await streams(jobPrefix(jobId))).reduce((sum, { size }) => sum + size, 0);
    },

    async *read(jobId, offset = 0, length = Number.MAX_SAFE_INTEGER) {
      checkJobId(jobId);
      checkPosition("offset", offset);
      checkPosition("length", length);
      if (length > 0) yield* readLog(segments, jobId, offset, length);
    },

    async complete(jobId) {
      checkJobId(jobId);
      for (const { stream } of await streams(jobPrefix(jobId)))
        await mergeStream(segments, jobId, stream, mergedBytes);
    },

    async *list() {
      for await (const name of segments.folders()) if (isJobId(name)) yield name;
    },

    async remove(jobId) {
      checkJobId(jobId);
      appender.forget(jobId);
      await segments.remove((await segments.list(jobPrefix(jobId))).map(({ key }) => key));
    },
  };
}
