import { createMd5Thread } from "#md5";
import { AbortMultipartUploadCommand, ListPartsCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { PARTED_PREFIX } from "../../../core/artifacts/staging.ts";
import type { ArtifactAddress } from "../../../core/ports/artifacts.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type {
  PartedUpload,
  SignedPart,
  StoredPart,
  UploadSessions,
} from "../../../core/ports/upload-sessions.ts";
import { checkAddress, checkLifetime } from "../address.ts";
import { checkMetadata } from "../metadata.ts";
import { checkPartNumber, noSuchUpload } from "../signed-part.ts";
import { isS3, storeError } from "./calls.ts";
import { openS3, type S3, type S3Config } from "./client.ts";
import { encodeMetadata } from "./content-note.ts";
import { type MultipartUpload, openMultipart, uploadOf } from "./multipart.ts";
import { etagOf, stat } from "./objects.ts";
import { openUploads } from "./sweep.ts";
import { assemble, multipartOf, UPLOAD_MARK } from "./uploaded-object.ts";

export interface S3UploadsConfig extends S3Config {
  readonly clock: Pick<Clock, "now">;
}

/** Uploads in parts as S3 has them itself, to which clients send the parts directly. */
export function createS3Uploads(config: S3UploadsConfig): UploadSessions {
  const s3 = openS3(config);
  const openMd5 = createMd5Thread();
  return {
    async open({ id, address }, { contentType, metadata = {} }) {
      checkAddress(address);
      const { uploadId } = await openMultipart(s3, address, {
        ContentType: contentType,
        Metadata: encodeMetadata({ ...checkMetadata(metadata), [UPLOAD_MARK]: id }, undefined),
      });
      return uploadId;
    },
    async signParts(upload, numbers, lifetime) {
      checkLifetime(lifetime);
      numbers.forEach(checkPartNumber);
      const begins = Math.floor(config.clock.now() / 1000) * 1000;
      return await Promise.all(numbers.map((number) => signPart(s3, upload, number, { begins, lifetime })));
    },
    async parts(upload) {
      try {
        return await Array.fromAsync(listParts(s3, multipartOf(upload)));
      } catch (error) {
        if (!isS3(error, "NoSuchUpload")) throw error;
        if ((await assembled(s3, upload)) === undefined) throw noSuchUpload(error);
        return undefined;
      }
    },
    assemble: (upload, parts, options = {}) => assemble({ s3, openMd5 }, upload, parts, options),
    discard: (upload) => discard(s3, multipartOf(upload)),
    async *pending(bucket) {
      for await (const {
        keys: [key = ""],
        uploadId,
        initiated,
      } of openUploads(s3, bucket, PARTED_PREFIX))
        yield {
          id: key.slice(PARTED_PREFIX.length),
          address: { bucket, key },
          handle: uploadId,
          opened: initiated,
        };
    },
  };
}

/** The object that this upload has become, if it has. */
async function assembled(
  s3: S3,
  { id, address }: { readonly id: string; readonly address: ArtifactAddress },
) {
  const info = await stat(s3, address);
  return info?.metadata[UPLOAD_MARK] === id ? info : undefined;
}

async function discard({ client, calls }: S3, upload: MultipartUpload): Promise<void> {
  const command = new AbortMultipartUploadCommand(uploadOf(upload));
  try {
    await calls((signal) => client.send(command, signal), { expected: ["NoSuchUpload", "NoSuchBucket"] });
  } catch (error) {
    if (!isS3(error, "NoSuchUpload") && !isS3(error, "NoSuchBucket")) throw error;
  }
}

async function signPart(
  { client }: S3,
  upload: PartedUpload,
  number: number,
  { begins, lifetime }: { readonly begins: number; readonly lifetime: number },
): Promise<SignedPart> {
  const command = new UploadPartCommand({ ...uploadOf(multipartOf(upload)), PartNumber: number });
  try {
    const options = { expiresIn: lifetime, signingDate: new Date(begins) };
    const url = await getSignedUrl(client, command, options);
    return { number, url, expires_at: new Date(begins + lifetime * 1000).toISOString() };
  } catch (error) {
    throw storeError(error);
  }
}

async function* listParts({ client, calls }: S3, upload: MultipartUpload): AsyncGenerator<StoredPart> {
  let after = {};
  for (;;) {
    const command = new ListPartsCommand({ ...uploadOf(upload), ...after });
    const page = await calls((signal) => client.send(command, signal), { expected: ["NoSuchUpload"] });
    for (const { PartNumber = 0, Size = 0, ETag } of page.Parts ?? [])
      yield { number: PartNumber, size: Size, etag: etagOf(ETag) };
    if (page.IsTruncated !== true) return;
    after = { PartNumberMarker: page.NextPartNumberMarker };
  }
}
