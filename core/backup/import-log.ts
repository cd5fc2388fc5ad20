import type { JobLogs } from "../ports/job-logs.ts";
import type { OriginalLog } from "./originals.ts";

const APPEND_BYTES = 1_048_576;

/** Those that the store does not have, or not all of. */
export async function findMissingLogs(
  logs: JobLogs,
  originals: readonly OriginalLog[],
): Promise<OriginalLog[]> {
  const missing: OriginalLog[] = [];
  for (const original of originals) {
    const there = new Map((await logs.streams(original.job)).map(({ stream, size }) => [stream, size]));
    if (original.streams.some(({ stream, size }) => there.get(stream) !== size)) missing.push(original);
  }
  return missing;
}

/** Appends what the store does not have of it yet, stream by stream. */
export async function importLog(
  logs: JobLogs,
  body: AsyncIterable<Uint8Array>,
  { job, streams }: OriginalLog,
): Promise<void> {
  let base = 0;
  const ends = streams.map(({ stream, size }) => ({ stream, begin: base, end: (base += size) }));
  let position = 0;
  for await (const bytes of body) {
    for (const { stream, begin, end } of ends) {
      const part = bytes.subarray(Math.max(0, begin - position), Math.max(0, end - position));
      const offset = Math.max(position, begin) - begin;
      for (let at = 0; at < part.length; at += APPEND_BYTES)
        await logs.append(job, stream, offset + at, part.subarray(at, at + APPEND_BYTES));
    }
    position += bytes.length;
  }
  await logs.complete(job);
}
