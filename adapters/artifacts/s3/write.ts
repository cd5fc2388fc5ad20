import { PutObjectCommand, PutObjectTaggingCommand } from "@aws-sdk/client-s3";
import { DomainError } from "../../../core/errors.ts";
import type { ArtifactAddress, ArtifactInfo, WriteOptions } from "../../../core/ports/artifacts.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import { checkAddress } from "../address.ts";
import { type Content, sameContent, takenAlready } from "../expectations.ts";
import type { Md5Session } from "../files/md5.ts";
import { checkMetadata } from "../metadata.ts";
import { isS3, storeError } from "./calls.ts";
import type { S3 } from "./client.ts";
import { type ContentNote, encodeMetadata, encodeTag } from "./content-note.ts";
import { takeIn, type TakenIn } from "./intake.ts";
import { abandon, complete, etagOfParts, openMultipart } from "./multipart.ts";
import { etagOf, head, placeOf, stat } from "./objects.ts";
import type { PartPlan } from "./part-plan.ts";

export interface Writing {
  readonly s3: S3;
  readonly clock: Pick<Clock, "now">;
  readonly plan: PartPlan;
  readonly openMd5: () => Md5Session;
}

interface Order {
  readonly writing: Writing;
  readonly address: ArtifactAddress;
  readonly contentType: string;
  readonly metadata: Record<string, string>;
  readonly keepExisting: boolean;
}

/**
 * A content that fits into the first part is one request, with its digests in the user metadata. A larger one goes in
 * parts: its digests are in the metadata when the caller announced both, else in a tag as soon as it is there.
 */
export async function write(
  writing: Writing,
  address: ArtifactAddress,
  source: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<ArtifactInfo> {
  checkAddress(address);
  const metadata = checkMetadata(options.metadata ?? {});
  const contentType = options.contentType ?? "application/octet-stream";
  const keepExisting = options.keepExisting === true;
  const order = { writing, address, contentType, metadata, keepExisting };
  const announced = announcedNote(options, writing.clock);
  const openUpload = () =>
    openMultipart(writing.s3, address, {
      ContentType: contentType,
      Metadata: encodeMetadata(metadata, announced),
      ChecksumAlgorithm: "CRC32",
      ChecksumType: "FULL_OBJECT",
    });
  const taken = await takeIn({ ...writing, openUpload }, source, options);
  if (taken.sent === undefined) return await putWhole(order, taken.content, taken.whole ?? Buffer.alloc(0));
  return await finishParts(order, taken.content, taken.sent, announced);
}

/** Checked against the content before there is an object. */
function announcedNote({ expect }: WriteOptions, clock: Pick<Clock, "now">): ContentNote | undefined {
  if (expect?.md5 === undefined || expect.sha256 === undefined) return undefined;
  return { md5: expect.md5, sha256: expect.sha256, modified: new Date(clock.now()).toISOString() };
}

function noteNow({ clock }: Writing, { md5, sha256 }: Content): ContentNote {
  return { md5, sha256, modified: new Date(clock.now()).toISOString() };
}

async function putWhole(order: Order, content: Content, body: Uint8Array): Promise<ArtifactInfo> {
  const { writing, address, contentType, metadata, keepExisting } = order;
  const { client, calls } = writing.s3;
  const note = noteNow(writing, content);
  const command = new PutObjectCommand({
    ...placeOf(address),
    Body: body,
    ContentType: contentType,
    ContentMD5: Buffer.from(content.md5, "hex").toString("base64"),
    Metadata: encodeMetadata(metadata, note),
    ...(keepExisting ? { IfNoneMatch: "*" } : {}),
  });
  for (;;) {
    try {
      const answer = await calls((signal) => client.send(command, signal), {
        expected: ["PreconditionFailed"],
      });
      return infoOf(order, content, note, etagOf(answer.ETag));
    } catch (error) {
      const kept = await keptOnly(order, content, content.md5, error);
      if (kept !== undefined) return kept;
    }
  }
}

/**
 * The object that was there already, if it has the same content: that is also so when it is ours, and the answer was
 * lost. `undefined`: it has been removed meanwhile. @throws `conflict` for other content; any other error
 */
async function keptOnly(
  { writing, address }: Order,
  content: Content,
  etag: string,
  error: unknown,
): Promise<ArtifactInfo | undefined> {
  if (!isS3(error, "PreconditionFailed")) throw storeError(error);
  const existing = await stat(writing.s3, address);
  if (existing === undefined) return undefined;
  const same = sameContent(existing, content) || (existing.size === content.size && existing.etag === etag);
  if (!same) throw takenAlready();
  return existing;
}

async function finishParts(
  order: Order,
  content: Content,
  sent: NonNullable<TakenIn["sent"]>,
  announced: ContentNote | undefined,
): Promise<ArtifactInfo> {
  const { s3 } = order.writing;
  try {
    const done = await completeOrKeep(order, content, sent);
    if (typeof done !== "string") {
      await abandon(s3, sent.upload);
      return done;
    }
    await checkStored(s3, order.address, content, done);
    const note = announced ?? noteNow(order.writing, content);
    if (announced === undefined) await tag(s3, order.address, note, done);
    return infoOf(order, content, note, done);
  } catch (error) {
    await abandon(s3, sent.upload);
    throw error;
  }
}

/** The new object's ETag, or what was there already. */
async function completeOrKeep(
  { writing, address, ...order }: Order,
  content: Content,
  { upload, parts, crc32 }: NonNullable<TakenIn["sent"]>,
): Promise<string | ArtifactInfo> {
  const { keepExisting } = order;
  const checked = upload.checksummed ? { crc32 } : {};
  for (;;) {
    try {
      return await complete(writing.s3, upload, { parts, size: content.size, keepExisting, ...checked });
    } catch (error) {
      const kept = await keptOnly({ writing, address, ...order }, content, etagOfParts(parts), error);
      if (kept !== undefined) return kept;
    }
  }
}

/** Stores that know no checksums have nothing else that tells a part that is missing. */
async function checkStored(s3: S3, address: ArtifactAddress, content: Content, etag: string): Promise<void> {
  const stored = await head(s3, address);
  if (stored === undefined || etagOf(stored.ETag) !== etag) return; // another writer was the last
  if (stored.ContentLength !== content.size)
    throw new DomainError(
      "unavailable",
      `The store has ${stored.ContentLength} of the object's ${content.size} bytes.`,
    );
}

export async function tag({ client, calls }: S3, address: ArtifactAddress, note: ContentNote, etag: string) {
  const Tagging = { TagSet: [encodeTag(note, etag)] };
  const command = new PutObjectTaggingCommand({ ...placeOf(address), Tagging });
  try {
    await calls((signal) => client.send(command, signal), { expected: ["NoSuchKey"] });
  } catch (error) {
    // Moved or removed since it was there: nobody needs its tag.
    if (!isS3(error, "NoSuchKey")) throw error;
  }
}

function infoOf(order: Order, content: Content, { modified }: ContentNote, etag: string): ArtifactInfo {
  const { address, contentType, metadata } = order;
  return { bucket: address.bucket, key: address.key, ...content, etag, contentType, metadata, modified };
}
