import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { awsClientOptions } from "../../adapters/aws/options.ts";
import { createS3JobLogs, type S3JobLogsConfig } from "../../adapters/job-logs/s3/job-logs.ts";
import type { JobLogs } from "../../core/ports/job-logs.ts";
import { freshName, localstack } from "./localstack.ts";

/** So that a test need not write much for a log in many parts. */
export const SMALL = { segmentBytes: 3000, mergedBytes: 100_000 };

/** A client of the SDK and nothing else. The caller destroys it. */
export function bareS3(): S3Client {
  return new S3Client({
    ...awsClientOptions(localstack(), { maxAttempts: 3, idleMilliseconds: 10_000 }),
    forcePathStyle: true,
  });
}

/** An empty bucket of its own. */
export async function freshLogsBucket(): Promise<string> {
  const bucket = freshName("logs");
  const client = bareS3();
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return bucket;
}

export function logsIn(bucket: string, rest: Partial<S3JobLogsConfig> = {}): JobLogs {
  return createS3JobLogs({ aws: localstack(), bucket, ...rest });
}

/** Keys and sizes of the first thousand objects. */
export async function objectsIn(bucket: string): Promise<[string, number][]> {
  const client = bareS3();
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
  client.destroy();
  return Contents.map(({ Key = "", Size = 0 }) => [Key, Size]);
}

/** Many objects at once, past the store of logs. */
export async function putObjects(bucket: string, objects: readonly (readonly [string, Uint8Array])[]) {
  const client = bareS3();
  for (let at = 0; at < objects.length; at += 50)
    await Promise.all(
      objects
        .slice(at, at + 50)
        .map(([Key, Body]) => client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }))),
    );
  client.destroy();
}
