import { type CompletedPart, HeadObjectCommand, UploadPartCopyCommand } from "@aws-sdk/client-s3";
import { DomainError } from "../../../core/errors.ts";
import type { ArtifactAddress } from "../../../core/ports/artifacts.ts";
import type { S3 } from "./client.ts";
import type { Tag } from "./content-note.ts";
import { createLanes } from "./lanes.ts";
import {
  abandon,
  complete,
  etagOfParts,
  type MultipartUpload,
  openMultipart,
  uploadOf,
} from "./multipart.ts";
import { copySource, etagOf, type Head, partsOf, placeOf } from "./objects.ts";
import { type PartPlan, plannedSizes } from "./part-plan.ts";

/** The store does the work: as many parts are copied, or asked for their size, at once. */
const LANES = 16;
const MIB = 1024 * 1024;
/** S3 takes no smaller ones, but the last. */
const SMALLEST_PART = 5 * MIB;
const MOST_GUESSES = 8;
/** What other programs send in parts of, as they come: boto and the AWS CLI, then others. */
const USUAL_SIZES = [8 * MIB, 5 * MIB, 16 * MIB, 32 * MIB, 64 * MIB, 100 * MIB, 128 * MIB];

export interface PartsCopy {
  readonly s3: S3;
  readonly plan: PartPlan;
  readonly from: ArtifactAddress;
  readonly to: ArtifactAddress;
  readonly source: Head;
  /** As headers have it. */
  readonly metadata: Record<string, string>;
  readonly tags: readonly Tag[];
}

/** Copies part by part; nothing is seen of it at the target before all have the ETag of the source together. */
export async function copyParts(order: PartsCopy): Promise<void> {
  if (!(await copyInParts(order, await partSizes(order), etagOf(order.source.ETag))))
    throw new DomainError("unavailable", "The object cannot be copied so that it keeps its ETag.");
}

/** Copies in parts of these sizes, if they have this ETag together. Answers whether they have. */
export async function copyInParts(
  order: PartsCopy,
  sizes: readonly number[],
  etag: string,
): Promise<boolean> {
  const { s3, source } = order;
  const upload = await openMultipart(s3, order.to, openOptions(order));
  try {
    const parts = await copyEach(order, upload, sizes);
    const fits = etagOfParts(parts) === etag;
    if (fits) await complete(s3, upload, { parts, size: source.ContentLength ?? 0 });
    else await abandon(s3, upload);
    return fits;
  } catch (error) {
    await abandon(s3, upload);
    throw error;
  }
}

function openOptions({ source, metadata, tags }: PartsCopy) {
  const { CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, ContentType } = source;
  const query = new URLSearchParams(tags.map(({ Key = "", Value = "" }) => [Key, Value]));
  return {
    CacheControl,
    ContentDisposition,
    ContentEncoding,
    ContentLanguage,
    ContentType,
    StorageClass: source.StorageClass,
    Metadata: metadata,
    // Spaces as %20: a plus sign would stay one.
    ...(tags.length === 0 ? {} : { Tagging: query.toString().replaceAll("+", "%20") }),
    ...checksumOf(source),
  };
}

/** The checksum that the source has, so that both can be compared. */
function checksumOf(source: Head) {
  const { ChecksumType } = source;
  if (source.ChecksumCRC32 === undefined) return {};
  return { ChecksumAlgorithm: "CRC32" as const, ...(ChecksumType === undefined ? {} : { ChecksumType }) };
}

/** How large each of the source's parts is. Where the store does not tell, it is guessed; the ETag shows if wrongly. */
async function partSizes({ s3, plan, from, source }: PartsCopy): Promise<readonly number[]> {
  const told = await toldPartSizes(s3, from, source);
  if (told !== undefined) return told;
  const [fitting] = likelySizes(plan, source.ContentLength ?? 0, partsOf(etagOf(source.ETag)));
  if (fitting === undefined)
    throw new DomainError("unavailable", "The object store does not tell the sizes of an object's parts.");
  return fitting;
}

/** `undefined` where the store does not tell them. */
export async function toldPartSizes(
  s3: S3,
  from: ArtifactAddress,
  source: Head,
): Promise<number[] | undefined> {
  const count = partsOf(etagOf(source.ETag));
  const first = await headPart(s3, from, source, 1);
  if (first.PartsCount !== count) return undefined;
  const sizes = [first.ContentLength ?? 0];
  const lanes = createLanes(LANES, Infinity);
  for (let part = 2; part <= count; part++)
    await lanes.start(0, async () => {
      sizes[part - 1] = (await headPart(s3, from, source, part)).ContentLength ?? 0;
    });
  await lanes.finish();
  return sizes;
}

async function headPart({ client, calls }: S3, from: ArtifactAddress, { ETag }: Head, part: number) {
  const command = new HeadObjectCommand({ ...placeOf(from), PartNumber: part, IfMatch: ETag });
  return await calls((signal) => client.send(command, signal));
}

/** Sizes of so many parts that a content may have come in: our own, those that are usual, then others, likely ones first. */
export function likelySizes(plan: PartPlan, size: number, count: number): number[][] {
  const plans = [plan, ...[...USUAL_SIZES, ...wholeMebibytes(size, count)].map((one) => () => one)];
  const fitting = plans.flatMap((each) => {
    const sizes = plannedSizes(each, size, count);
    return sizes === undefined ? [] : [sizes];
  });
  return fitting.filter(
    ([first = 0], n) =>
      (count === 1 || first >= SMALLEST_PART) && fitting.findIndex(([one]) => one === first) === n,
  );
}

/** Of equal parts, the smallest first: many programs round up to one of these. */
function wholeMebibytes(size: number, count: number): number[] {
  const least = Math.ceil(size / count / MIB);
  return Array.from({ length: MOST_GUESSES }, (_, n) => (least + n) * MIB);
}

async function copyEach(
  { s3, from, source }: PartsCopy,
  upload: MultipartUpload,
  sizes: readonly number[],
): Promise<CompletedPart[]> {
  const parts: CompletedPart[] = [];
  const lanes = createLanes(LANES, Infinity);
  let start = 0;
  try {
    for (const [index, size] of sizes.entries()) {
      const range = `bytes=${start}-${start + size - 1}`;
      start += size;
      await lanes.start(size, async () => {
        const command = new UploadPartCopyCommand({
          ...uploadOf(upload),
          PartNumber: index + 1,
          CopySource: copySource(from),
          CopySourceIfMatch: source.ETag,
          CopySourceRange: range,
        });
        parts[index] = await copyPart(s3, command, index + 1);
      });
    }
    await lanes.finish();
    return parts;
  } finally {
    await lanes.settled();
  }
}

async function copyPart(
  { client, calls }: S3,
  command: UploadPartCopyCommand,
  number: number,
): Promise<CompletedPart> {
  const answer = await calls((signal) => client.send(command, signal), { expected: ["NoSuchKey"] });
  const { ETag, ChecksumCRC32 } = answer.CopyPartResult ?? {};
  return { PartNumber: number, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) };
}
