import { GetObjectTaggingCommand, HeadObjectCommand, type HeadObjectCommandOutput } from "@aws-sdk/client-s3";
import type { ArtifactAddress, ArtifactInfo } from "../../../core/ports/artifacts.ts";
import { awsFailure, isDenied } from "../../aws/errors.ts";
import { isS3 } from "./calls.ts";
import type { S3 } from "./client.ts";
import { type ContentNote, decodeMetadata, noteAmong, type Tag } from "./content-note.ts";

export type Head = HeadObjectCommandOutput;

export const placeOf = ({ bucket, key }: ArtifactAddress) => ({ Bucket: bucket, Key: key });

/** As a copy names what it copies. */
export const copySource = ({ bucket, key }: ArtifactAddress): string =>
  `${bucket}/${encodeURIComponent(key).replaceAll("%2F", "/")}`;

/** Without the quotes. */
export const etagOf = (etag: string | undefined): string => etag?.replace(/^"|"$/gu, "") ?? "";

/** How many parts the ETag says that the object was made of; 0: it was stored as a whole. */
export const partsOf = (etag: string): number => Number(/-(\d+)$/u.exec(etag)?.[1] ?? 0);

/** `undefined` when there is no such object, or bucket: their answers are the same. */
export async function head({ client, calls }: S3, address: ArtifactAddress): Promise<Head | undefined> {
  const command = new HeadObjectCommand({ ...placeOf(address), ChecksumMode: "ENABLED" });
  try {
    return await calls((signal) => client.send(command, signal), { expected: ["NotFound", "NoSuchKey"] });
  } catch (error) {
    if (isS3(error, "NotFound") || isS3(error, "NoSuchKey")) return undefined;
    throw error;
  }
}

/** What HEAD and GET say alike. */
export type Answered = Pick<Head, "ETag" | "ContentType" | "Metadata" | "LastModified">;

/** What is known of an object. One that came in parts may have its digests in a tag: that is a request more. */
export async function describe(
  s3: S3,
  { bucket, key }: ArtifactAddress,
  answered: Answered,
  size: number,
): Promise<ArtifactInfo> {
  const etag = etagOf(answered.ETag);
  const { metadata, note } = decodeMetadata(answered.Metadata ?? {});
  const known = note ?? (partsOf(etag) > 0 ? await taggedNote(s3, { bucket, key }, etag) : undefined);
  return {
    bucket,
    key,
    size,
    etag,
    ...(known === undefined ? {} : { md5: known.md5, sha256: known.sha256 }),
    contentType: answered.ContentType ?? "application/octet-stream",
    metadata,
    modified: known?.modified ?? (answered.LastModified ?? new Date(0)).toISOString(),
  };
}

export async function stat(s3: S3, address: ArtifactAddress): Promise<ArtifactInfo | undefined> {
  const answered = await head(s3, address);
  return answered && (await describe(s3, address, answered, answered.ContentLength ?? 0));
}

async function taggedNote(s3: S3, address: ArtifactAddress, etag: string): Promise<ContentNote | undefined> {
  try {
    return noteAmong(await tagsOf(s3, address), etag);
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const failure = awsFailure(cause);
    // Objects of others may be read where their tags may not: nothing is known of their digests then.
    if (failure !== undefined && (isDenied(failure) || failure.status === 501)) return undefined;
    throw error;
  }
}

/** None for an object that is gone. */
export async function tagsOf({ client, calls }: S3, address: ArtifactAddress): Promise<readonly Tag[]> {
  const command = new GetObjectTaggingCommand(placeOf(address));
  try {
    const answer = await calls((signal) => client.send(command, signal), { expected: ["NoSuchKey"] });
    return answer.TagSet ?? [];
  } catch (error) {
    if (isS3(error, "NoSuchKey")) return [];
    throw error;
  }
}
