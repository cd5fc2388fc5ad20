/**
 * A job's log is the text its agents wrote, one attempt after the other, and outlives the job's work.
 * A position is a byte offset: `stream` (the attempt, from 0) has its own, the whole log is the streams in order.
 *
 * Errors: `conflict` (a gap), `storage-full`, `unavailable`.
 */
export interface JobLogs {
  /**
   * Appends bytes that begin at `offset` of this stream and answers the stream's new size. Bytes that are there already
   * are not written twice, so a repeated append changes nothing; an offset past the end throws `conflict`.
   */
  append(jobId: string, stream: number, offset: number, bytes: Uint8Array): Promise<number>;

  /** Bytes of one stream that are stored; 0 when there are none. */
  size(jobId: string, stream: number): Promise<number>;

  /** Bytes of the whole log; 0 when there is none. */
  totalSize(jobId: string): Promise<number>;

  /** The whole log from `offset` up to what is stored when reading gets there. To be read once. */
  read(jobId: string, offset?: number): AsyncIterable<Uint8Array>;

  /** Removes the log; nothing happens when there is none. */
  remove(jobId: string): Promise<void>;
}
