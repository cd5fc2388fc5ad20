import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { createHash } from "node:crypto";
import type { ArtifactInfo } from "../../../core/ports/artifacts.ts";
import type { AssembleOptions, PartedUpload, StoredPart } from "../../../core/ports/upload-sessions.ts";
import { checkContent, type Content } from "../expectations.ts";
import type { Md5Session } from "../files/md5.ts";
import { noSuchUpload, partsChanged } from "../signed-part.ts";
import { isS3 } from "./calls.ts";
import type { S3 } from "./client.ts";
import { complete, type MultipartUpload } from "./multipart.ts";
import { placeOf, stat } from "./objects.ts";
import { read } from "./read.ts";
import { tag } from "./write.ts";

/** In the user metadata of what came in parts: the upload's id. So an object is known for what it was made of. */
export const UPLOAD_MARK = "ims-upload";

export function multipartOf({ address, handle }: Pick<PartedUpload, "address" | "handle">): MultipartUpload {
  return { ...address, uploadId: handle, checksummed: false };
}

export interface Assembling {
  readonly s3: S3;
  readonly openMd5: () => Md5Session;
}

/**
 * Has S3 make the object, and notes its digests in a tag. S3 counts none of the whole: they are taken from who vouches for
 * them, or the object is read once.
 */
export async function assemble(
  assembling: Assembling,
  upload: PartedUpload,
  parts: readonly StoredPart[] | undefined,
  { expect = {}, vouched }: AssembleOptions,
): Promise<ArtifactInfo> {
  const { s3 } = assembling;
  if (parts !== undefined) await join(s3, upload, parts);
  const info = await stat(s3, upload.address);
  if (info === undefined || info.metadata[UPLOAD_MARK] !== upload.id) throw noSuchUpload();
  const content = knownContent(info, vouched) ?? (await countContent(assembling, info));
  await checkOrRemove(s3, info, content, expect);
  const { md5, sha256 } = content;
  if (info.sha256 === undefined) await tag(s3, info, { md5, sha256, modified: info.modified }, info.etag);
  return { ...info, md5, sha256 };
}

async function join(s3: S3, upload: PartedUpload, parts: readonly StoredPart[]): Promise<void> {
  const listed = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: `"${etag}"` }));
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  try {
    await complete(s3, multipartOf(upload), { parts: listed, size });
  } catch (error) {
    if (isS3(error, "NoSuchUpload")) throw noSuchUpload(error);
    const cause = error instanceof Error ? error.cause : undefined;
    if (isS3(cause, "InvalidPart") || isS3(cause, "InvalidRequest")) throw partsChanged();
    throw error;
  }
}

/** S3 has made the object already when it is known to be another than was said. */
async function checkOrRemove(
  { client, calls }: S3,
  info: ArtifactInfo,
  content: Content,
  expect: NonNullable<AssembleOptions["expect"]>,
): Promise<void> {
  try {
    checkContent(content, { expect });
  } catch (error) {
    const command = new DeleteObjectCommand(placeOf(info));
    await calls((signal) => client.send(command, signal), { expected: ["NoSuchKey"] }).catch(
      (cause: unknown) => {
        if (!isS3(cause, "NoSuchKey")) throw cause;
      },
    );
    throw error;
  }
}

function knownContent(info: ArtifactInfo, vouched: AssembleOptions["vouched"]): Content | undefined {
  const { size, md5, sha256 } = info;
  if (md5 !== undefined && sha256 !== undefined) return { size, md5, sha256 };
  return vouched === undefined ? undefined : { size, md5: vouched.md5, sha256: vouched.sha256 };
}

async function countContent({ s3, openMd5 }: Assembling, info: ArtifactInfo): Promise<Content> {
  const content = await read(s3, info, undefined);
  if (content === undefined) throw noSuchUpload();
  const sha256 = createHash("sha256");
  const md5 = openMd5();
  let size = 0;
  try {
    for await (const chunk of content.body) {
      size += chunk.length;
      sha256.update(chunk);
      // The thread takes memory away: what is lent is copied.
      await md5.update(new Uint8Array(chunk));
    }
    return { size, md5: await md5.digest(), sha256: sha256.digest("hex") };
  } finally {
    md5.close();
  }
}
