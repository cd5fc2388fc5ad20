import { CopyObjectCommand, DeleteObjectCommand } from "@aws-sdk/client-s3";
import { isDeepStrictEqual } from "node:util";
import { DomainError } from "../../../core/errors.ts";
import type { ArtifactAddress, ArtifactInfo } from "../../../core/ports/artifacts.ts";
import { checkAddress } from "../address.ts";
import { isS3, storeError } from "./calls.ts";
import type { S3 } from "./client.ts";
import { decodeMetadata, encodeMetadata, isNote, noteAmong } from "./content-note.ts";
import { copyParts } from "./copy-parts.ts";
import { copySource, describe, etagOf, type Head, head, partsOf, placeOf, tagsOf } from "./objects.ts";
import type { PartPlan } from "./part-plan.ts";

export interface Moving {
  readonly s3: S3;
  readonly plan: PartPlan;
}

/**
 * Copies, looks whether all of it has arrived, and removes the source. An object that came in parts is copied in the same
 * parts, side by side: its ETag is made of theirs.
 */
export async function move(
  { s3, plan }: Moving,
  from: ArtifactAddress,
  to: ArtifactAddress,
): Promise<ArtifactInfo | undefined> {
  checkAddress(from);
  checkAddress(to);
  const source = await head(s3, from);
  if (source === undefined) return undefined;
  if (from.bucket === to.bucket && from.key === to.key)
    return await describe(s3, to, source, source.ContentLength ?? 0);
  if (!(await copy({ s3, plan }, from, to, source))) return undefined;
  const target = await head(s3, to);
  const moved = checkTarget(source, target);
  await removeSame(s3, from, source);
  return await describe(s3, to, moved, moved.ContentLength ?? 0);
}

/** Whether the source was still there to be copied. */
async function copy(
  { s3, plan }: Moving,
  from: ArtifactAddress,
  to: ArtifactAddress,
  source: Head,
): Promise<boolean> {
  const count = partsOf(etagOf(source.ETag));
  try {
    if (count === 0) {
      if (!isSame(await head(s3, to), source, source.Metadata)) await copyWhole(s3, from, to, source);
      return true;
    }
    const tags = await tagsOf(s3, from);
    const metadata = metadataWith(source, noteAmong(tags, etagOf(source.ETag)));
    if (isSame(await head(s3, to), source, metadata)) return true;
    await copyParts({ s3, plan, from, to, source, metadata, tags: tags.filter((tag) => !isNote(tag)) });
    return true;
  } catch (error) {
    // Another process was faster with the same move.
    if (isS3(error, "NoSuchKey")) return false;
    throw storeError(error);
  }
}

/** What a tag said of the content is told by the metadata from now on, in one piece with it. */
export function metadataWith(
  { Metadata = {} }: Head,
  tagged: ReturnType<typeof noteAmong>,
): Record<string, string> {
  const { metadata, note } = decodeMetadata(Metadata);
  return note === undefined && tagged !== undefined ? encodeMetadata(metadata, tagged) : Metadata;
}

/** Whether an earlier attempt has already brought the whole of it there. */
function isSame(target: Head | undefined, source: Head, metadata: Head["Metadata"]): boolean {
  return (
    target !== undefined &&
    target.ETag === source.ETag &&
    target.ContentLength === source.ContentLength &&
    target.ContentType === source.ContentType &&
    isDeepStrictEqual({ ...target.Metadata }, { ...metadata })
  );
}

async function copyWhole({ client, calls }: S3, from: ArtifactAddress, to: ArtifactAddress, { ETag }: Head) {
  const command = new CopyObjectCommand({
    ...placeOf(to),
    CopySource: copySource(from),
    CopySourceIfMatch: ETag,
    MetadataDirective: "COPY",
    TaggingDirective: "COPY",
  });
  await calls((signal) => client.send(command, signal), { expected: ["NoSuchKey"] });
}

const CHECKSUMS = [
  "ChecksumCRC32",
  "ChecksumCRC32C",
  "ChecksumCRC64NVME",
  "ChecksumSHA1",
  "ChecksumSHA256",
] as const;

/** @throws `unavailable` when the target is not what the source is: then the source stays. */
function checkTarget(source: Head, target: Head | undefined): Head {
  const differs = (what: string) =>
    new DomainError(
      "unavailable",
      `A moved object's ${what} differs from what it was; the original is kept.`,
    );
  if (target === undefined) throw differs("presence");
  if (target.ContentLength !== source.ContentLength) throw differs("size");
  if (target.ETag !== source.ETag) throw differs("ETag");
  for (const name of CHECKSUMS) {
    const both = source[name] !== undefined && target[name] !== undefined;
    if (both && source.ChecksumType === target.ChecksumType && source[name] !== target[name])
      throw differs("checksum");
  }
  return target;
}

/** Not what somebody has put there since it was copied. */
async function removeSame({ client, calls }: S3, at: ArtifactAddress, source: Head): Promise<void> {
  const now = await head({ client, calls }, at);
  if (now === undefined || now.ETag !== source.ETag) return;
  await calls((signal) => client.send(new DeleteObjectCommand(placeOf(at)), signal));
}
