import { DomainError } from "../../../core/errors.ts";
import { jobPrefix, type Stream, streamsOf } from "./layout.ts";
import type { SegmentContent, Segments } from "./segments.ts";

/** So much is asked for at once. A reader that pauses holds no connection meanwhile. */
const RANGE_BYTES = 1_048_576;
/** So many ranges are asked for before they are needed: a log that still grows has many segments. */
const AHEAD = 3;
/** Segments vanish when they are merged; that it happens again before anything can be read is no merge any more. */
const MOST_BARREN = 10;

interface Range {
  readonly key: string;
  readonly start: number;
  readonly length: number;
}

/** The whole log from a position on. What is merged meanwhile is looked for again. */
export async function* readLog(
  segments: Segments,
  jobId: string,
  offset: number,
  length: number,
): AsyncGenerator<Uint8Array> {
  let position = offset;
  for (let barren = 0; barren <= MOST_BARREN; barren += 1) {
    const streams = streamsOf(await segments.list(jobPrefix(jobId)));
    const ranges = [...rangesOf(streams, position, offset + length)];
    let read = 0;
    for await (const bytes of inOrder(segments, ranges)) {
      if (bytes === undefined) break;
      read += 1;
      barren = 0;
      position += bytes.length;
      yield bytes;
    }
    if (read === ranges.length) return;
  }
  throw new DomainError("unavailable", "The log could not be read: its parts are not where they should be.");
}

/** Where the bytes of the whole log lie from `begin` to `end`, exclusive. */
function* rangesOf(streams: readonly Stream[], begin: number, end: number): Generator<Range> {
  let base = 0;
  for (const { pieces, size } of streams) {
    for (const { segment, from, to } of pieces) {
      const last = Math.min(base + to, end) - base;
      for (let at = Math.max(from, begin - base); at < last; at += RANGE_BYTES)
        yield { key: segment.key, start: at - segment.start, length: Math.min(RANGE_BYTES, last - at) };
    }
    base += size;
  }
}

/** `undefined` for a range that is not there any more. */
async function* inOrder(
  segments: Segments,
  ranges: readonly Range[],
): AsyncGenerator<Uint8Array | undefined> {
  const asked: Promise<SegmentContent | undefined>[] = [];
  for (let next = 0; next < ranges.length || asked.length > 0;) {
    const range = ranges[next];
    if (range !== undefined && asked.length < AHEAD) {
      const content = segments.read(range.key, range.start, range.length);
      // Whoever leaves the loop does not wait for it.
      content.catch(() => undefined);
      asked.push(content);
      next += 1;
      continue;
    }
    const wanted = ranges[next - asked.length]?.length;
    const bytes = (await asked.shift())?.bytes;
    yield bytes?.length === wanted ? bytes : undefined;
  }
}
