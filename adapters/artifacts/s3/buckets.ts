import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  HeadBucketCommand,
  type CreateBucketCommandInput,
} from "@aws-sdk/client-s3";
import { DomainError } from "../../../core/errors.ts";
import { isS3 } from "./calls.ts";
import { openS3, type S3, type S3Config } from "./client.ts";

export interface BucketsConfig extends S3Config {
  readonly buckets: readonly string[];
  /** Whether buckets that are missing are made. */
  readonly create: boolean;
}

/**
 * Sees to it that the buckets are there. Several processes may do so at once.
 * @throws `unavailable` naming each one that is missing, or saying why the store cannot be used
 */
export async function ensureBuckets(config: BucketsConfig): Promise<void> {
  const s3 = openS3(config);
  try {
    const missing: string[] = [];
    for (const bucket of new Set(config.buckets)) if (!(await exists(s3, bucket))) missing.push(bucket);
    if (missing.length > 0 && !config.create)
      throw new DomainError(
        "unavailable",
        `The object store has no bucket named ${missing.join(", ")}. Make what is missing, or set IMS_CREATE_STORAGE=yes.`,
      );
    for (const bucket of missing) await make(s3, config, bucket);
  } finally {
    s3.client.destroy();
  }
}

async function exists({ client, calls }: S3, bucket: string): Promise<boolean> {
  const command = new HeadBucketCommand({ Bucket: bucket });
  try {
    await calls((signal) => client.send(command, signal), { expected: ["NotFound", "NoSuchBucket"] });
    return true;
  } catch (error) {
    if (isS3(error, "NotFound") || isS3(error, "NoSuchBucket")) return false;
    throw error;
  }
}

async function make({ client, calls }: S3, { aws }: BucketsConfig, bucket: string): Promise<void> {
  const command = new CreateBucketCommand({ Bucket: bucket, ...placement(aws) });
  const ours = "BucketAlreadyOwnedByYou";
  try {
    await calls((signal) => client.send(command, signal), { expected: [ours] });
  } catch (error) {
    if (!isS3(error, ours)) throw error;
  }
}

/** AWS wants to be told the region, but not its first one; other stores have places of other names. */
function placement({ region, endpoint }: BucketsConfig["aws"]): Partial<CreateBucketCommandInput> {
  if (region === "us-east-1" || endpoint !== undefined) return {};
  return { CreateBucketConfiguration: { LocationConstraint: asLocation(region) } };
}

/** The SDK lists the regions of its day; new ones are as good. */
function asLocation(region: string): BucketLocationConstraint {
  // oxlint-disable-next-line no-unsafe-type-assertion -- the type is open to regions that came later
  return region as BucketLocationConstraint;
}
