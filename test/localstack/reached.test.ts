import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { CreateBucketCommand, HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { awsClientOptions } from "../../adapters/aws/options.ts";
import { readConfig } from "../../functions/config.ts";
import { freshStorage, localstack, localstackEnv } from "../support/localstack.ts";

const patience = { maxAttempts: 3, idleMilliseconds: 10_000 };

describe("what tests and services are given of LocalStack", () => {
  it("answers for both of its services", async () => {
    const { buckets } = freshStorage();
    const s3 = new S3Client({ ...awsClientOptions(localstack(), patience), forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: buckets.logs }));
    await s3.send(new HeadBucketCommand({ Bucket: buckets.logs }));
    const dynamodb = new DynamoDBClient(awsClientOptions(localstack(), patience));
    expect(await dynamodb.send(new ListTablesCommand({}))).toMatchObject({ TableNames: expect.any(Array) });
    s3.destroy();
    dynamodb.destroy();
  });

  it("is storage of a service's own, made by it", () => {
    const storage = freshStorage();
    const config = readConfig(localstackEnv(storage), "x64");
    expect(config).toMatchObject({
      records: { kind: "dynamodb", table: storage.table },
      createStorage: true,
    });
    expect(config.settings.buckets).toMatchObject({
      recipes: storage.buckets.recipes,
      images: storage.buckets.images,
    });
    expect(freshStorage()).not.toEqual(storage);
  });
});
