import { createHash } from "node:crypto";
import type { BackupEntry, Digests } from "../../core/ports/backup.ts";
import { DomainError } from "../../core/errors.ts";

/** The bytes as they come, and their digests when there are no more. */
export function digesting(body: AsyncIterable<Uint8Array>): {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly size: () => number;
  digests(): Digests;
} {
  const md5 = createHash("md5");
  const sha256 = createHash("sha256");
  let size = 0;
  let isOver = false;
  async function* pass(): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      md5.update(chunk);
      sha256.update(chunk);
      size += chunk.length;
      yield chunk;
    }
    isOver = true;
  }
  return {
    bytes: pass(),
    size: () => size,
    digests() {
      if (!isOver) throw new Error("The body has not been read to its end.");
      return { md5: md5.digest("hex"), sha256: sha256.digest("hex") };
    },
  };
}

/** Of all that a body has. */
export async function digestsOf(body: AsyncIterable<Uint8Array>): Promise<Digests> {
  const digested = digesting(body);
  for await (const chunk of digested.bytes) void chunk;
  return digested.digests();
}

/** Writes a body of so many bytes. @throws `invalid` when it has more or fewer */
export async function writeExactly(
  size: number,
  body: AsyncIterable<Uint8Array>,
  write: (chunk: Uint8Array) => Promise<unknown>,
): Promise<Digests> {
  const digested = digesting(body);
  for await (const chunk of digested.bytes) {
    if (digested.size() > size) break;
    await write(chunk);
  }
  if (digested.size() !== size)
    throw new DomainError("invalid", `An entry of the backup should have ${size} bytes and has others.`);
  return digested.digests();
}

export function entryOf(name: string, size: number, body: AsyncIterable<Uint8Array>): BackupEntry {
  const digested = digesting(body);
  return { name, size, body: digested.bytes, digests: () => digested.digests() };
}
