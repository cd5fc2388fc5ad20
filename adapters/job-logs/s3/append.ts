import { DomainError } from "../../../core/errors.ts";
import { gap } from "../checks.ts";
import { segmentKey, streamPrefix, streamsOf } from "./layout.ts";
import type { Segments } from "./segments.ts";
import { createTails, type OpenSegment, type Tail } from "./tails.ts";

/** Each loss is another's gain: only a store that does not keep what it says lets it come to so many. */
const MOST_LOSSES = 50;

export interface Appender {
  append(jobId: string, stream: number, offset: number, bytes: Uint8Array): Promise<number>;
  /** The log is removed. */
  forget(jobId: string): void;
}

/**
 * S3 cannot append. The last segment of a stream is written anew with what is added, if it is still as it was read,
 * until it has `segmentBytes`; then another one begins where it ends, if there is none. So of several writers one wins
 * and the others see what it wrote, and a write whose answer was lost is found done.
 */
export function createAppender(segments: Segments, segmentBytes: number): Appender {
  const tails = createTails();

  async function look(jobId: string, stream: number): Promise<Tail | undefined> {
    const [found] = streamsOf(await segments.list(streamPrefix(jobId, stream)));
    const { last, size = 0 } = found ?? {};
    if (last === undefined || last.start + last.size < size || last.size >= segmentBytes) return { size };
    const content = await segments.read(last.key);
    // Removed, or emptied by a merge, since it was listed.
    if (content === undefined || content.bytes.length < last.size) return undefined;
    return tailOf({ ...content, start: last.start });
  }

  const tailOf = ({ start, bytes, etag }: OpenSegment): Tail => {
    const size = start + bytes.length;
    return bytes.length >= segmentBytes ? { size } : { size, open: { start, bytes, etag } };
  };

  /** The stream's end since; `undefined` when somebody else was faster. */
  async function write(
    jobId: string,
    stream: number,
    { size, open }: Tail,
    fresh: Uint8Array,
  ): Promise<Tail | undefined> {
    const start = open?.start ?? size;
    const bytes = open === undefined ? Uint8Array.from(fresh) : Buffer.concat([open.bytes, fresh]);
    const etag = await segments.write(segmentKey(jobId, stream, start), bytes, { is: open?.etag });
    return etag === undefined ? undefined : tailOf({ start, bytes, etag });
  }

  /** Of what is known: it may be old, which is good for adding to, as that fails then, and for nothing else. */
  async function attempt(
    jobId: string,
    stream: number,
    offset: number,
    bytes: Uint8Array,
    known: Tail | undefined,
  ): Promise<Tail | undefined> {
    const tail = known ?? (await look(jobId, stream));
    if (tail === undefined) return undefined;
    const { size } = tail;
    if (offset <= size && offset + bytes.length > size)
      return await write(jobId, stream, tail, bytes.subarray(size - offset));
    if (known !== undefined) return undefined;
    if (offset > size) throw gap(size, offset);
    return tail;
  }

  return {
    append: (jobId, stream, offset, bytes) =>
      tails.inTurn(jobId, stream, async (known) => {
        for (let losses = 0; losses <= MOST_LOSSES; losses += 1) {
          const tail = await attempt(jobId, stream, offset, bytes, losses === 0 ? known : undefined);
          if (tail !== undefined) return tail;
        }
        throw new DomainError("unavailable", "The log could not be written: others write it all the time.");
      }),
    forget: tails.forget,
  };
}
