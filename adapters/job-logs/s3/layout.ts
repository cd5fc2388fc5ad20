/** Objects `<job>/<stream>/<offset of the first byte>`: what follows one in its stream is named by where it ends. */
const OFFSET_DIGITS = 16;
const KEY = /^([^/]+)\/(0|[1-9]\d{0,15})\/(\d{16})$/u;

/** An object that holds a part of a stream. */
export interface Segment {
  readonly key: string;
  readonly stream: number;
  /** Offset of its first byte in the stream. */
  readonly start: number;
  readonly size: number;
  readonly etag: string;
}

/** Bytes `from` to `to` (exclusive) of a stream, which nothing before them holds. */
export interface Piece {
  readonly segment: Segment;
  readonly from: number;
  readonly to: number;
}

/** A stream as its objects make it up. */
export interface Stream {
  readonly stream: number;
  /** Without a gap from 0. */
  readonly pieces: readonly Piece[];
  readonly size: number;
  /** Those that hold nothing that the pieces do not: left by a merge. */
  readonly spare: readonly Segment[];
  /** The one that begins last, the only one that may grow. */
  readonly last: Segment | undefined;
}

export const jobPrefix = (jobId: string): string => `${jobId}/`;
export const streamPrefix = (jobId: string, stream: number): string => `${jobId}/${stream}/`;
export const segmentKey = (jobId: string, stream: number, start: number): string =>
  `${streamPrefix(jobId, stream)}${String(start).padStart(OFFSET_DIGITS, "0")}`;

/** `undefined` for the key of something else. */
export function placeOf(key: string): Pick<Segment, "stream" | "start"> | undefined {
  const [, , stream, start] = KEY.exec(key) ?? [];
  return stream === undefined ? undefined : { stream: Number(stream), start: Number(start) };
}

/** The streams of one job in their order. */
export function streamsOf(segments: readonly Segment[]): Stream[] {
  const streams = new Map<number, Segment[]>();
  for (const segment of segments) {
    const others = streams.get(segment.stream);
    if (others === undefined) streams.set(segment.stream, [segment]);
    else others.push(segment);
  }
  return [...streams]
    .toSorted(([a], [b]) => a - b)
    .map(([stream, its]) =>
      streamOf(
        stream,
        its.toSorted((a, b) => a.start - b.start),
      ),
    );
}

/** All writers put the same bytes at the same offset, so of two segments that overlap either can be read. */
function streamOf(stream: number, segments: readonly Segment[]): Stream {
  const pieces: Piece[] = [];
  const spare: Segment[] = [];
  let size = 0;
  let last: Segment | undefined;
  for (const segment of segments) {
    // Beyond a gap lies only what a removal has not got to.
    if (segment.start > size) break;
    last = segment;
    const to = segment.start + segment.size;
    if (to > size) pieces.push({ segment, from: size, to });
    else spare.push(segment);
    size = Math.max(size, to);
  }
  return { stream, pieces, size, spare, last };
}

/** The first pieces in a row, two at least, that together are no more than `mostBytes`. */
export function mergeable(pieces: readonly Piece[], mostBytes: number): readonly Piece[] | undefined {
  for (let first = 0; first + 1 < pieces.length;) {
    const start = pieces[first]?.segment.start ?? 0;
    const beyond = pieces.findIndex(({ to }) => to - start > mostBytes);
    const end = beyond === -1 ? pieces.length : beyond;
    if (end - first > 1) return pieces.slice(first, end);
    first = Math.max(end, first + 1);
  }
  return undefined;
}
