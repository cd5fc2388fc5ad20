import { CreateBucketCommand, ListMultipartUploadsCommand } from "@aws-sdk/client-s3";
import { createS3Artifacts, type S3ArtifactsConfig } from "../../adapters/artifacts/s3/artifacts.ts";
import type { ArtifactAddress, ArtifactInfo, Artifacts } from "../../core/ports/artifacts.ts";
import { bytesOf } from "./artifact-content.ts";
import { freshName, localstack } from "./localstack.ts";
import { bareS3 } from "./s3-job-logs.ts";

/** Empty buckets of its own, by what they are for. */
export async function freshBuckets() {
  const buckets = { ims: freshName("ims"), "boot-images": freshName("boot-images") };
  const client = bareS3();
  for (const Bucket of Object.values(buckets)) await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
  return buckets;
}

export function s3Artifacts(buckets: readonly string[], rest: Partial<S3ArtifactsConfig> = {}): Artifacts {
  return createS3Artifacts({ aws: localstack(), clock: Date, buckets, ...rest });
}

/** The same store, whose buckets have plain names for the caller. */
export function renamed(artifacts: Artifacts, buckets: Readonly<Record<string, string>>): Artifacts {
  const inside = ({ bucket, key }: ArtifactAddress) => ({ bucket: buckets[bucket] ?? bucket, key });
  const plain = Object.fromEntries(Object.entries(buckets).map(([name, real]) => [real, name]));
  const outside = (info: ArtifactInfo) => ({ ...info, bucket: plain[info.bucket] ?? info.bucket });
  return {
    async stat(address) {
      const info = await artifacts.stat(inside(address));
      return info && outside(info);
    },
    async read(address, range) {
      const found = await artifacts.read(inside(address), range);
      return found && { ...found, info: outside(found.info) };
    },
    write: async (address, source, options) =>
      outside(await artifacts.write(inside(address), source, options)),
    async move(from, to) {
      const info = await artifacts.move(inside(from), inside(to));
      return info && outside(info);
    },
    remove: (address) => artifacts.remove(inside(address)),
    async *list(bucket, prefix) {
      for await (const info of artifacts.list(buckets[bucket] ?? bucket, prefix)) yield outside(info);
    },
    signUrl: (method, address, lifetime, metadata) =>
      artifacts.signUrl(method, inside(address), lifetime, metadata),
    check: () => artifacts.check(),
  };
}

/** So that a test need not send much for an object in parts: S3 takes no smaller ones. */
export const SMALL_PARTS = { partBytes: 5 * 1024 * 1024 };

/** How many uploads in parts have been begun there and neither completed nor given up. */
export async function openUploadsIn(bucket: string): Promise<number> {
  const client = bareS3();
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  client.destroy();
  return Uploads.length;
}

/** A content of three such parts. */
export const PARTED = bytesOf(2 * SMALL_PARTS.partBytes + 17);
