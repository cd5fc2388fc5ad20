import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { onTestFinished } from "vitest";

export type ArchiveEntry = Partial<Header> & {
  readonly name: string;
  readonly content?: string | Uint8Array;
};

/** A new folder that goes when the test ends. */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ims-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function* packed(entries: readonly ArchiveEntry[]): AsyncGenerator<Uint8Array> {
  const tar = pack();
  for (const { content, ...header } of entries) tar.entry(header, content ?? "");
  tar.finalize();
  for await (const chunk of tar) {
    if (chunk instanceof Uint8Array) yield chunk;
  }
}

/** The bytes of a tar with these entries, just as they are told. */
export async function tarBytes(entries: readonly ArchiveEntry[]): Promise<Buffer> {
  return await buffer(packed(entries));
}

export async function writeArchive(file: string, entries: readonly ArchiveEntry[]): Promise<void> {
  await pipeline(packed(entries), createGzip({ level: 1 }), createWriteStream(file));
}
