import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
} from "@aws-sdk/client-s3";
import { createHash } from "node:crypto";
import type { ArtifactAddress } from "../../../core/ports/artifacts.ts";
import { isS3 } from "./calls.ts";
import type { S3 } from "./client.ts";
import { etagOf, head, placeOf } from "./objects.ts";

export interface MultipartUpload extends ArtifactAddress {
  readonly uploadId: string;
  /** Whether the store checks a CRC-32 of each part; stores that do not know it say nothing. */
  readonly checksummed: boolean;
}

export async function openMultipart(
  { client, calls }: S3,
  address: ArtifactAddress,
  options: Omit<CreateMultipartUploadCommandInput, "Bucket" | "Key">,
): Promise<MultipartUpload> {
  const command = new CreateMultipartUploadCommand({ ...options, ...placeOf(address) });
  const created = await calls((signal) => client.send(command, signal));
  const checksummed = created.ChecksumAlgorithm === "CRC32";
  return { bucket: address.bucket, key: address.key, uploadId: created.UploadId ?? "", checksummed };
}

export const uploadOf = (upload: MultipartUpload) => ({ ...placeOf(upload), UploadId: upload.uploadId });

/** The ETag that S3 gives to an object of these parts. Not where it encrypts with keys of a customer. */
export function etagOfParts(parts: readonly CompletedPart[]): string {
  const whole = createHash("md5");
  for (const { ETag } of parts) whole.update(etagOf(ETag), "hex");
  return `${whole.digest("hex")}-${parts.length}`;
}

export interface Completion {
  /** All of them, by number. */
  readonly parts: readonly CompletedPart[];
  readonly size: number;
  /** Base64, where the store checks it. */
  readonly crc32?: string;
  /** Throws `PreconditionFailed` as S3 says it when there is an object already. */
  readonly keepExisting?: boolean;
}

/** Makes the object of the parts; its ETag. An answer that was lost is found again in the object. */
export async function complete(s3: S3, upload: MultipartUpload, completion: Completion): Promise<string> {
  const { parts, size, crc32, keepExisting = false } = completion;
  const command = new CompleteMultipartUploadCommand({
    ...uploadOf(upload),
    MultipartUpload: { Parts: [...parts] },
    MpuObjectSize: size,
    ...(crc32 === undefined ? {} : { ChecksumCRC32: crc32, ChecksumType: "FULL_OBJECT" as const }),
    ...(keepExisting ? { IfNoneMatch: "*" } : {}),
  });
  const expected = ["NoSuchUpload", "PreconditionFailed"];
  try {
    const answer = await s3.calls((signal) => s3.client.send(command, signal), { expected });
    return etagOf(answer.ETag);
  } catch (error) {
    const etag = etagOfParts(parts);
    if (isS3(error, "NoSuchUpload") && etagOf((await head(s3, upload))?.ETag) === etag) return etag;
    throw error;
  }
}

/** Gives the parts back. What this cannot remove now, the sweep finds: the reason for it says more than its failure. */
export async function abandon({ client, calls }: S3, upload: MultipartUpload): Promise<void> {
  const command = new AbortMultipartUploadCommand(uploadOf(upload));
  await calls((signal) => client.send(command, signal)).catch(() => undefined);
}
