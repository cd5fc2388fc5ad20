import { DomainError } from "../../../core/errors.ts";
import { mergeable, type Piece, type Stream, streamPrefix, streamsOf } from "./layout.ts";
import type { Segments } from "./segments.ts";

const MOST_LOSSES = 50;
const READ_AT_ONCE = 8;

/**
 * Puts the segments of a stream together into one object, or one for each `mergedBytes`, where the first of them is.
 * Readers see the same bytes at any moment, and a crash at any leaves what the next merge goes on with:
 * 1. The first segment is written anew with the bytes of all. It is full, so nobody appends to it.
 * 2. The last one, which may grow, is emptied if it is still as it was merged. So whoever appends to what it was fails,
 *    looks again, and begins a new segment behind all.
 * 3. All but the first are removed.
 */
export async function mergeStream(
  segments: Segments,
  jobId: string,
  stream: number,
  mergedBytes: number,
): Promise<void> {
  for (let losses = 0; losses <= MOST_LOSSES;) {
    const [found] = streamsOf(await segments.list(streamPrefix(jobId, stream)));
    const pieces = found && mergeable(found.pieces, mergedBytes);
    if (found === undefined || (found.spare.length === 0 && pieces === undefined)) return;
    const isDone =
      pieces === undefined ? await removeSpare(segments, found) : await mergePieces(segments, pieces);
    if (!isDone) losses += 1;
  }
  throw new DomainError("unavailable", "The log could not be merged: others write it all the time.");
}

async function mergePieces(segments: Segments, pieces: readonly Piece[]): Promise<boolean> {
  const [first] = pieces;
  if (first === undefined) return true;
  const read = async (piece: Piece): Promise<Uint8Array | undefined> => {
    const { segment, to } = piece;
    const from = piece === first ? segment.start : piece.from;
    const content = await segments.read(segment.key, from - segment.start, to - from);
    return content?.bytes.length === to - from ? content.bytes : undefined;
  };
  const parts: Uint8Array[] = [];
  for (let next = 0; next < pieces.length; next += READ_AT_ONCE)
    for (const bytes of await Promise.all(pieces.slice(next, next + READ_AT_ONCE).map(read))) {
      if (bytes === undefined) return false;
      parts.push(bytes);
    }
  const { key, etag } = first.segment;
  return (await segments.write(key, Buffer.concat(parts), { is: etag })) !== undefined;
}

async function removeSpare(segments: Segments, { spare, last }: Stream): Promise<boolean> {
  if (last !== undefined && last.size > 0 && spare.includes(last)) {
    const emptied = await segments.write(last.key, new Uint8Array(), { is: last.etag });
    if (emptied === undefined) return false;
  }
  await segments.remove(spare.map(({ key }) => key));
  return true;
}
