import { randomUUID } from "node:crypto";
import { copyFile, type FileHandle, link, open, readlink, symlink } from "node:fs/promises";
import type { ArtifactInfo, WriteOptions } from "../../../../core/ports/artifacts.ts";
import type { StoredPart } from "../../../../core/ports/upload-sessions.ts";
import { codeOf, isMissing } from "../../../process/errors.ts";
import { checkContent, type Content } from "../../expectations.ts";
import { noSuchUpload, partsChanged, sameParts } from "../../signed-part.ts";
import { removeFile } from "../incoming.ts";
import type { Layout } from "../layout.ts";
import { moveInto } from "../objects.ts";
import { type Description, encodeTrailer } from "../trailer.ts";
import { mayBeWritten } from "./claims.ts";
import type { Facts, Folder, HeldPart } from "./folder.ts";

export interface Assembly {
  readonly layout: Layout;
  readonly folder: Folder;
  readonly partBytes: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly digest: (file: FileHandle, parts: readonly StoredPart[]) => Promise<Content>;
  /** Makes this process stop taking parts of the upload. */
  readonly stopWriters: () => Promise<void>;
}

/**
 * Makes the object of the parts, where they lie: no byte of a part that came once is copied. Processes that do so at the
 * same time do the same, byte for byte, to the same file.
 */
export async function assemble(
  assembly: Assembly,
  listed: readonly StoredPart[] | undefined,
  expect: WriteOptions["expect"],
): Promise<ArtifactInfo> {
  const { folder } = assembly;
  const facts = await folder.facts();
  if (facts === undefined) throw noSuchUpload();
  const address = { bucket: facts.bucket, key: facts.key };
  const done = (await folder.done()) ?? (await build(assembly, facts, listed, expect));
  return { ...address, ...done };
}

async function build(
  assembly: Assembly,
  facts: Facts,
  listed: readonly StoredPart[] | undefined,
  expect: WriteOptions["expect"],
): Promise<Description> {
  const { folder, layout } = assembly;
  await folder.close();
  await assembly.stopWriters();
  const parts = await folder.parts();
  if (listed === undefined || !sameParts(listed, parts)) throw partsChanged();
  const source = await ownData(folder);
  try {
    const file = await open(source, "r+");
    const description = await complete(assembly, file, parts, { facts, expect });
    await place(layout, folder, source, layout.objectFile({ bucket: facts.bucket, key: facts.key }));
    await folder.finish(description);
    await removeFile(folder.data);
    return description;
  } catch (error) {
    // Another completion was faster and has tidied up.
    const done = isMissing(error) ? await folder.done() : undefined;
    if (done === undefined) throw error;
    return done;
  } finally {
    if (source !== folder.data) await removeFile(source);
  }
}

/** The data, or a copy of it when a process that cannot be told to stop may still write into it. */
async function ownData(folder: Folder): Promise<string> {
  if (!(await mayBeWritten(folder))) return folder.data;
  const copy = folder.at(`copy-${randomUUID()}`);
  await copyFile(folder.data, copy);
  return copy;
}

async function complete(
  { folder, partBytes, digest, now }: Assembly,
  file: FileHandle,
  parts: readonly HeldPart[],
  { facts, expect }: { readonly facts: Facts; readonly expect: WriteOptions["expect"] },
): Promise<Description> {
  try {
    for (const { number, spare } of parts)
      if (spare !== undefined) await copyInto(folder.at(spare), file, (number - 1) * partBytes);
    const content = await digest(file, parts);
    checkContent(content, expect === undefined ? {} : { expect });
    const modified = await agreedTime(folder, now);
    const { contentType, metadata } = facts;
    const description = { ...content, etag: content.md5, contentType, metadata, modified };
    const trailer = encodeTrailer(description);
    await file.write(trailer, 0, trailer.length, content.size);
    await file.truncate(content.size + trailer.length);
    await file.sync();
    return description;
  } finally {
    await file.close();
  }
}

async function copyInto(from: string, file: FileHandle, start: number): Promise<void> {
  const source = await open(from, "r");
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  try {
    for (let at = start; ;) {
      const { bytesRead } = await source.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      await file.write(buffer, 0, bytesRead, at);
      at += bytesRead;
    }
  } finally {
    await source.close();
  }
}

/** Of all who complete it, the first says when that was. */
async function agreedTime(folder: Folder, now: number): Promise<string> {
  const place = folder.at("modified");
  await symlink(new Date(now).toISOString(), place).catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw error;
  });
  return await readlink(place);
}

/** A second name for the file, which is then put in the object's place; the first one goes when that is noted. */
async function place(layout: Layout, folder: Folder, from: string, to: string): Promise<void> {
  const name = folder.at(`object-${randomUUID()}`);
  await link(from, name);
  try {
    await moveInto(layout.top, name, to);
  } finally {
    // Renaming one name of a file to another does nothing.
    await removeFile(name);
  }
}
