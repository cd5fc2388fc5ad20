import { S3Client } from "@aws-sdk/client-s3";
import { type AwsConfig, awsClientOptions } from "../../aws/options.ts";
import { type Calls, createCalls } from "./calls.ts";

export interface S3Config {
  readonly aws: AwsConfig;
  /** A request that fails is sent again for so many milliseconds after its first failure; 20,000 without a word. */
  readonly patienceMs?: number;
  /** A connection that is silent for so long is given up; 60,000 without a word. */
  readonly idleMs?: number;
}

/** A client, and the way requests go through it. */
export interface S3 {
  readonly client: S3Client;
  readonly calls: Calls;
}

/** Opens no connection yet. Digests are ours to compute: what the SDK adds of its own, older stores do not take. */
export function openS3({ aws, patienceMs = 20_000, idleMs = 60_000 }: S3Config): S3 {
  const client = new S3Client({
    ...awsClientOptions(aws, { maxAttempts: 1, idleMilliseconds: idleMs }),
    forcePathStyle: aws.forcePathStyle ?? false,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    followRegionRedirects: true,
  });
  return { client, calls: createCalls(patienceMs, aws.mayCall) };
}
