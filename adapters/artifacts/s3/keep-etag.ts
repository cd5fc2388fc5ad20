import { CopyObjectCommand } from "@aws-sdk/client-s3";
import type { ArtifactAddress, ArtifactInfo, WriteOptions } from "../../../core/ports/artifacts.ts";
import { storeError } from "./calls.ts";
import type { S3 } from "./client.ts";
import { isNote, noteAmong } from "./content-note.ts";
import { copyInParts, likelySizes, type PartsCopy, toldPartSizes } from "./copy-parts.ts";
import { metadataWith, type Moving } from "./move.ts";
import { copySource, etagOf, head, partsOf, placeOf, tagsOf } from "./objects.ts";

/** S3 copies no more as a whole. */
const LARGEST_WHOLE = 5 * 1024 ** 3;

/**
 * Gives an object that has just been written the ETag that it had in another store, where its content can have it: the
 * store copies it onto itself, as a whole or in parts of other sizes. Nothing is sent again, and nothing changes before
 * the ETag is known to be right.
 */
export async function keepEtag(
  moving: Moving,
  written: ArtifactInfo,
  { etag, partSizes }: Pick<WriteOptions, "etag" | "partSizes">,
): Promise<ArtifactInfo> {
  if (etag === undefined || etag === written.etag) return written;
  try {
    const copy = await copyOntoItself(moving, written);
    if (copy === undefined) return written;
    if (partsOf(etag) > 0) return { ...written, etag: await copyInSomeParts(copy, written, etag, partSizes) };
    const canBeWhole = etag === written.md5 && written.size <= LARGEST_WHOLE;
    return canBeWhole ? { ...written, etag: await copyWhole(copy) } : written;
  } catch (error) {
    throw storeError(error);
  }
}

/** `undefined`: another writer was the last. */
async function copyOntoItself(
  { s3, plan }: Moving,
  { bucket, key, etag }: ArtifactInfo,
): Promise<PartsCopy | undefined> {
  const at = { bucket, key };
  const source = await head(s3, at);
  if (source === undefined || etagOf(source.ETag) !== etag) return undefined;
  const tags = await tagsOf(s3, at);
  const metadata = metadataWith(source, noteAmong(tags, etag));
  return { s3, plan, from: at, to: at, source, metadata, tags: tags.filter((tag) => !isNote(tag)) };
}

/** The object's ETag then. */
async function copyInSomeParts(
  copy: PartsCopy,
  { size, etag: now }: ArtifactInfo,
  etag: string,
  told: readonly number[] | undefined,
): Promise<string> {
  for (const sizes of sizesToTry(copy, size, etag, told))
    if (await copyInParts(copy, sizes, etag)) return etag;
  return now;
}

function sizesToTry(
  { plan }: PartsCopy,
  size: number,
  etag: string,
  told: readonly number[] | undefined,
): readonly (readonly number[])[] {
  const count = partsOf(etag);
  const fits = told?.length === count && told.reduce((sum, one) => sum + one, 0) === size;
  return fits && told !== undefined ? [told] : likelySizes(plan, size, count);
}

/** S3 takes a copy onto itself only when it changes something: the metadata are sent anew. */
async function copyWhole({ s3, to, source, metadata }: PartsCopy): Promise<string> {
  const { CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, ContentType } = source;
  const command = new CopyObjectCommand({
    ...placeOf(to),
    CopySource: copySource(to),
    CopySourceIfMatch: source.ETag,
    MetadataDirective: "REPLACE",
    CacheControl,
    ContentDisposition,
    ContentEncoding,
    ContentLanguage,
    ContentType,
    Metadata: metadata,
  });
  const answer = await s3.calls((signal) => s3.client.send(command, signal));
  return etagOf(answer.CopyObjectResult?.ETag);
}

/** The sizes of an object's parts, of whose digests its ETag is made; `undefined` where there are none or nobody knows. */
export async function partSizesOf(s3: S3, address: ArtifactAddress): Promise<readonly number[] | undefined> {
  const source = await head(s3, address);
  if (source === undefined || partsOf(etagOf(source.ETag)) === 0) return undefined;
  return await toldPartSizes(s3, address, source);
}
