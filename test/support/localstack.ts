import { randomBytes } from "node:crypto";
import process from "node:process";
import type { AwsConfig } from "../../adapters/aws/options.ts";

/**
 * The DynamoDB and S3 that tests are given, which `npm run test:localstack` starts.
 * @throws without one: what cannot be tested fails.
 */
export function localstack(): AwsConfig & { readonly endpoint: string } {
  const endpoint = process.env["AWS_ENDPOINT_URL"];
  if (endpoint === undefined)
    throw new Error("AWS_ENDPOINT_URL names no LocalStack: run these tests by npm run test:localstack.");
  const {
    AWS_ACCESS_KEY_ID = "test",
    AWS_SECRET_ACCESS_KEY = "test",
    AWS_REGION = "us-east-1",
  } = process.env;
  return {
    region: AWS_REGION,
    endpoint: endpoint.replace(/\/$/u, ""),
    credentials: { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY },
    forcePathStyle: true,
  };
}

/** A name that no other test has, for a table or a bucket: LocalStack keeps all until it ends. */
export const freshName = (what: string): string => `${what}-${randomBytes(6).toString("hex")}`;

/** Names of a table and of all buckets of a service of its own. */
export function freshStorage() {
  return {
    table: freshName("ims"),
    buckets: { recipes: freshName("ims"), images: freshName("boot-images"), logs: freshName("ims-logs") },
  };
}
export type FreshStorage = ReturnType<typeof freshStorage>;

/** What makes a service use DynamoDB and S3 there, with a table and buckets that it makes itself. */
export function localstackEnv(
  storage: FreshStorage,
  endpoint = localstack().endpoint,
): Record<string, string> {
  const { region, credentials } = localstack();
  return {
    IMS_RECORDS: "dynamodb",
    IMS_ARTIFACTS: "s3",
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials?.accessKeyId ?? "",
    AWS_SECRET_ACCESS_KEY: credentials?.secretAccessKey ?? "",
    DYNAMODB_TABLE: storage.table,
    S3_IMS_BUCKET: storage.buckets.recipes,
    S3_BOOT_IMAGES_BUCKET: storage.buckets.images,
    S3_LOGS_BUCKET: storage.buckets.logs,
  };
}
