import type { Ports } from "../ports/index.ts";
import type { Appended } from "./heard-ports.ts";
import { isLogOpen } from "./log-life.ts";
import { createLogStarts } from "./log-starts.ts";
import type { JobFailure } from "./failure.ts";
import type { JobStatus } from "./status.ts";

/** Bytes of a log; whole lines unless one is longer than a piece, or the last one and without an end. */
export interface LogPiece {
  readonly is: "log";
  readonly bytes: Uint8Array;
  /** Position after them. */
  readonly end: number;
}

export interface JobNews {
  readonly is: "progress";
  readonly status: JobStatus;
  readonly percent: number | undefined;
  readonly message: string | undefined;
}

/** The job is over and its log complete. */
export interface LogEnd {
  readonly is: "end";
  readonly status: JobStatus;
  readonly error: Pick<JobFailure, "code" | "message"> | undefined;
  /** Size of the log. */
  readonly end: number;
}

export type LogNews = LogPiece | JobNews | LogEnd | { readonly is: "deleted" };

/** What followers need to know of the job; `undefined` when there is none. */
export interface FollowedJob {
  /** The same object for as long as it says the same. */
  readonly news: JobNews;
  readonly error: LogEnd["error"];
  readonly isComplete: boolean;
}

/**
 * A job and its log as all of its followers in this process see them: of any number that want the same at once, one
 * reads and the others get what it read.
 */
export interface FollowedLog {
  job(): Promise<FollowedJob | undefined>;
  /** Whole lines from here on; `undefined` while there are none. */
  piece(position: number): Promise<LogPiece | undefined>;
  /** What is left from here on, whole line or not. */
  rest(position: number): Promise<LogPiece | undefined>;
  /** What was read of the job, or of the log's end, may be true no longer. */
  readonly jobChanged: () => void;
  /** What was appended need not be read, when it is known. */
  readonly logGrew: (appended?: Appended) => void;
}

/** So much is read at once and held for each follower. */
const PIECE_BYTES = 65_536;
/** Followers that are a little behind are served from so many pieces; others read the stored log again. */
const KEPT_PIECES = 16;

export type FollowPorts = Pick<Ports, "records" | "logs" | "clock">;

export function createFollowedLog(ports: FollowPorts, jobId: string): FollowedLog {
  const pieces = new Map<number, LogPiece>();
  const reading = new Map<number, Promise<LogPiece | undefined>>();
  let job: Promise<FollowedJob | undefined> | undefined;
  let last: FollowedJob | undefined;
  const tip = createTip(ports, jobId);

  async function readJob(): Promise<FollowedJob | undefined> {
    const found = await readFollowedJob(ports, jobId);
    if (found === undefined) return undefined;
    last = last !== undefined && says(last.news, found.news) ? { ...found, news: last.news } : found;
    return last;
  }

  function keep(position: number, read: Uint8Array): LogPiece | undefined {
    const bytes = wholeLines(read);
    if (bytes === undefined) return undefined;
    const piece: LogPiece = { is: "log", bytes, end: position + bytes.length };
    pieces.set(position, piece);
    const [oldest] = pieces.keys();
    if (pieces.size > KEPT_PIECES && oldest !== undefined) pieces.delete(oldest);
    return piece;
  }

  const read = async (position: number): Promise<LogPiece | undefined> =>
    keep(position, await readBytes(ports, jobId, position));

  return {
    job: async () => await (job ??= remembered(readJob(), () => (job = undefined))),
    async piece(position) {
      const known = pieces.get(position);
      if (known !== undefined) return known;
      const begun = reading.get(position) ?? remembered(read(position), () => reading.delete(position));
      reading.set(position, begun);
      const piece = await begun;
      // Silence is remembered until the log grows; what was read is among the pieces.
      if (piece !== undefined && reading.get(position) === begun) reading.delete(position);
      return piece;
    },
    async rest(position) {
      const bytes = await readBytes(ports, jobId, position);
      return bytes.length === 0 ? undefined : { is: "log", bytes, end: position + bytes.length };
    },
    jobChanged: () => (job = undefined),
    logGrew(appended) {
      reading.clear();
      const position = appended === undefined ? undefined : tip(appended);
      if (appended !== undefined && position !== undefined) keep(position, appended.bytes);
    },
  };
}

/**
 * Tells where in the whole log the bytes of an append begin, if they are just what came after the one before it and no
 * more than a piece.
 */
function createTip(ports: FollowPorts, jobId: string): (appended: Appended) => number | undefined {
  const starts = createLogStarts(ports.logs);
  let latest: Appended | undefined;
  let start: number | undefined;
  return (appended) => {
    const before = latest;
    latest = appended;
    const { stream, offset, bytes, size } = appended;
    if (before?.stream !== stream) {
      start = undefined;
      starts(jobId, stream).then(
        (found) => void (latest?.stream === stream && (start = found)),
        () => (latest = undefined),
      );
    }
    const isNext = before?.stream === stream && before.size === offset && offset + bytes.length === size;
    return isNext && start !== undefined && bytes.length <= PIECE_BYTES ? start + offset : undefined;
  };
}

/** A read that failed is not remembered. */
function remembered<T>(work: Promise<T>, forget: () => unknown): Promise<T> {
  work.catch(forget);
  return work;
}

async function readFollowedJob(
  { records, clock }: FollowPorts,
  jobId: string,
): Promise<FollowedJob | undefined> {
  const [job, activity] = await Promise.all([records.get("job", jobId), records.get("job-activity", jobId)]);
  if (job === undefined) return undefined;
  const { status, progress, error } = job.value;
  return {
    news: { is: "progress", status, percent: progress?.percent, message: progress?.message },
    error: error === undefined ? undefined : { code: error.code, message: error.message },
    isComplete: !isLogOpen(job.value, activity?.value, clock.now()),
  };
}

const says = (one: JobNews, other: JobNews): boolean =>
  one.status === other.status && one.percent === other.percent && one.message === other.message;

async function readBytes({ logs }: FollowPorts, jobId: string, position: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(PIECE_BYTES);
  let size = 0;
  for await (const chunk of logs.read(jobId, position, PIECE_BYTES)) {
    bytes.set(chunk, size);
    size += chunk.length;
  }
  return bytes.slice(0, size);
}

const NEWLINE = 10;

/** A line that is longer than a piece comes in several, none of which cuts a character in two. */
function wholeLines(bytes: Uint8Array): Uint8Array | undefined {
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  if (end > 0) return bytes.subarray(0, end);
  if (bytes.length < PIECE_BYTES) return undefined;
  let cut = bytes.length - 1;
  while (cut > bytes.length - 4 && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut -= 1;
  return bytes.subarray(0, cut);
}
