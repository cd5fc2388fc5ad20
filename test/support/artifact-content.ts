import { createHash } from "node:crypto";

/** Bytes that look random and are the same for the same seed. */
export function bytesOf(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = Math.imul(seed, 2_654_435_761) + 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export async function* inChunks(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function* textSource(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

export function hexDigest(algorithm: "md5" | "sha256", bytes: Uint8Array | string): string {
  return createHash(algorithm).update(bytes).digest("hex");
}

export async function gathered(body: AsyncIterable<Uint8Array> | undefined): Promise<Buffer | undefined> {
  return body && Buffer.concat(await Array.fromAsync(body, (chunk) => Buffer.from(chunk)));
}
