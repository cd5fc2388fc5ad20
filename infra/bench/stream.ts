import { randomFillSync } from "node:crypto";

/** As much as a socket gives at once. */
const CHUNK = 64 * 1024;

/** So many bytes that do not compress, from memory that is made once. */
export async function* someBytes(length: number): AsyncGenerator<Uint8Array> {
  const bytes = randomFillSync(new Uint8Array(64 * CHUNK));
  for (let at = 0; at < length; at += CHUNK) {
    const start = at % bytes.length;
    yield bytes.subarray(start, start + Math.min(CHUNK, length - at));
  }
}

/** Reads to the end; answers how many bytes that were. */
export async function drain(body: AsyncIterable<Uint8Array> | undefined): Promise<number> {
  let length = 0;
  for await (const chunk of body ?? []) length += chunk.length;
  return length;
}
