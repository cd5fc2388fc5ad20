/**
 * A job's log is the text its agents wrote, one attempt after the other, and outlives the job's work.
 * A position is a byte offset: `stream` (the attempt, from 0) has its own, the whole log is the streams in order. A
 * position in the whole log keeps its meaning as long as no stream grows once a later one has begun, which callers see
 * to: a new attempt voids the token of the old one.
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

  /** The streams that have been written to, in their order. */
  streams(jobId: string): Promise<readonly { readonly stream: number; readonly size: number }[]>;

  /** Bytes of the whole log; 0 when there is none. */
  totalSize(jobId: string): Promise<number>;

  /**
   * The whole log from `offset` up to what is stored when reading begins, or later; at most `length` bytes of it. To be
   * read once.
   */
  read(jobId: string, offset?: number, length?: number): AsyncIterable<Uint8Array>;

  /**
   * Nothing more is expected: the store keeps the log as it is cheapest to read. Reading shows the same meanwhile, what
   * is appended nevertheless is kept, and after a crash it goes on when it is called again.
   */
  complete(jobId: string): Promise<void>;

  /** Ids of the jobs that have a log, in no order. */
  list(): AsyncIterable<string>;

  /** Removes the log; nothing happens when there is none. */
  remove(jobId: string): Promise<void>;
}
