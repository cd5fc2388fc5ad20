import { ListMultipartUploadsCommand, type MultipartUpload as Upload } from "@aws-sdk/client-s3";
import type { Clock } from "../../../core/ports/clock.ts";
import { openS3, type S3, type S3Config } from "./client.ts";
import { decodeKey } from "./listing.ts";
import { abandon } from "./multipart.ts";

export interface SweepConfig extends S3Config {
  readonly buckets: readonly string[];
  readonly clock: Pick<Clock, "now">;
  /** Uploads that were begun longer ago are taken for abandoned. Seconds; a week without a word. */
  readonly olderThanSeconds?: number;
}

const WEEK_SECONDS = 7 * 24 * 3600;

/** Gives back what uploads and moves have sent whose process died. Answers how many. Their parts cost until then. */
export async function sweepS3Uploads(config: SweepConfig): Promise<number> {
  const s3 = openS3(config);
  const before = config.clock.now() - (config.olderThanSeconds ?? WEEK_SECONDS) * 1000;
  let swept = 0;
  try {
    for (const bucket of new Set(config.buckets))
      for await (const { keys, uploadId, initiated } of openUploads(s3, bucket)) {
        if (initiated >= before) continue;
        for (const key of keys) await abandon(s3, { bucket, key, uploadId, checksummed: false });
        swept += 1;
      }
    return swept;
  } finally {
    s3.client.destroy();
  }
}

/** Every multipart upload under way for a key with the prefix. */
export async function* openUploads({ client, calls }: S3, bucket: string, prefix = "") {
  let after = {};
  for (;;) {
    const command = new ListMultipartUploadsCommand({
      Bucket: bucket,
      Prefix: prefix,
      EncodingType: "url",
      ...after,
    });
    const page = await calls((signal) => client.send(command, signal));
    for (const upload of page.Uploads ?? []) yield describe(upload, page.EncodingType);
    if (page.IsTruncated !== true) return;
    const KeyMarker = decodeKey(page.NextKeyMarker ?? "", page.EncodingType);
    after = { KeyMarker, UploadIdMarker: page.NextUploadIdMarker };
  }
}

function describe({ Key = "", UploadId = "", Initiated }: Upload, encoding: string | undefined) {
  return {
    // Some stores say that keys are encoded where they are not. An upload has its identifier under one key only.
    keys: new Set([Key, decodeKey(Key, encoding)]),
    uploadId: UploadId,
    initiated: Initiated?.getTime() ?? Infinity,
  };
}
