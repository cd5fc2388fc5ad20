import { createMd5Thread } from "#md5";
import { DeleteObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import type { ArtifactAddress, Artifacts } from "../../../core/ports/artifacts.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import { checkAddress } from "../address.ts";
import { isS3 } from "./calls.ts";
import { openS3, type S3, type S3Config } from "./client.ts";
import { keepEtag, partSizesOf } from "./keep-etag.ts";
import { list } from "./listing.ts";
import { move } from "./move.ts";
import { abandon, openMultipart, uploadOf } from "./multipart.ts";
import { placeOf, stat } from "./objects.ts";
import { planParts } from "./part-plan.ts";
import { read } from "./read.ts";
import { signUrl } from "./signed-url.ts";
import { write } from "./write.ts";

export interface S3ArtifactsConfig extends S3Config {
  readonly clock: Pick<Clock, "now">;
  /** Those that `check` tries: where this service writes. */
  readonly buckets: readonly string[];
  /** The largest object that parts must reach, in bytes; 1 TiB without a word. */
  readonly largestBytes?: number;
  /** Size of the first part, and the most that is sent as a whole, in bytes; 8 MiB without a word. */
  readonly partBytes?: number;
}

/** Objects in S3, or in a store that speaks its protocol. The buckets must be there. */
export function createS3Artifacts(config: S3ArtifactsConfig): Artifacts {
  const { clock, buckets, largestBytes = 1024 ** 4, partBytes = 8 * 1024 ** 2 } = config;
  const s3 = openS3(config);
  const plan = planParts(largestBytes, partBytes);
  const writing = { s3, clock, plan, openMd5: createMd5Thread() };
  return {
    async stat(address) {
      checkAddress(address);
      return await stat(s3, address);
    },
    read: (address, range) => read(s3, address, range),
    async write(address, source, options = {}) {
      return await keepEtag({ s3, plan }, await write(writing, address, source, options), options);
    },
    partSizes: (address) => partSizesOf(s3, address),
    move: (from, to) => move({ s3, plan }, from, to),
    remove: (address) => remove(s3, address),
    list: (bucket, prefix) => list(s3, bucket, prefix),
    signUrl: (method, address, lifetime, metadata) => signUrl(s3, clock, method, address, lifetime, metadata),
    async check() {
      await Promise.all([...new Set(buckets)].map((bucket) => tryOut(s3, bucket)));
    },
  };
}

async function remove({ client, calls }: S3, address: ArtifactAddress): Promise<void> {
  checkAddress(address);
  const command = new DeleteObjectCommand(placeOf(address));
  try {
    await calls((signal) => client.send(command, signal), { expected: ["NoSuchBucket", "NoSuchKey"] });
  } catch (error) {
    if (!isS3(error, "NoSuchBucket") && !isS3(error, "NoSuchKey")) throw error;
  }
}

/** A part of an upload that is given up again: it is written, and never seen, not even as an old version. */
async function tryOut(s3: S3, bucket: string): Promise<void> {
  const upload = await openMultipart(s3, { bucket, key: ".ims-check" }, {});
  try {
    const command = new UploadPartCommand({ ...uploadOf(upload), PartNumber: 1, Body: Buffer.alloc(1024) });
    await s3.calls((signal) => s3.client.send(command, signal));
  } finally {
    await abandon(s3, upload);
  }
}
