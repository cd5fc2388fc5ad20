import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { ensureBuckets } from "../../adapters/artifacts/s3/buckets.ts";
import { sweepS3Uploads } from "../../adapters/artifacts/s3/sweep.ts";
import { freshName, localstack } from "../support/localstack.ts";
import { freshBuckets, s3Artifacts } from "../support/s3-artifacts.ts";
import { bareS3 } from "../support/s3-job-logs.ts";

const aws = localstack();

describe("buckets in S3", () => {
  it("are made where they may be, by several processes at once, and left alone when they are there", async () => {
    const buckets = [freshName("one"), freshName("two")];
    await Promise.all([1, 2, 3].map(() => ensureBuckets({ aws, buckets, create: true })));
    await expect(ensureBuckets({ aws, buckets, create: false })).resolves.toBeUndefined();
    await expect(s3Artifacts(buckets).check()).resolves.toBeUndefined();
  });

  it("are named, each of them, when they are missing and may not be made", async () => {
    const { ims } = await freshBuckets();
    const missing = [freshName("one"), freshName("two")];
    const failure = expect.objectContaining({
      code: "unavailable",
      message: `The object store has no bucket named ${missing.join(", ")}. Make what is missing, or set IMS_CREATE_STORAGE=yes.`,
    });
    await expect(ensureBuckets({ aws, buckets: [ims, ...missing], create: false })).rejects.toEqual(failure);
    await expect(s3Artifacts([ims, ...missing]).check()).rejects.toMatchObject({
      code: "unavailable",
      message: "The object store is not available: a bucket that it should have is missing.",
    });
  });
});

describe("the sweep of S3", () => {
  it("gives back uploads that were begun long ago, whatever their keys, and leaves the others", async () => {
    const { ims } = await freshBuckets();
    const client = bareS3();
    const keys = ["plain", "100%", "with space+plus", "Grüße/\u{1F980}&<x>"];
    for (const Key of keys) {
      const place = { Bucket: ims, Key };
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(place));
      await client.send(
        new UploadPartCommand({ ...place, UploadId, PartNumber: 1, Body: Buffer.from("part") }),
      );
    }
    const sweep = (days: number) =>
      sweepS3Uploads({ aws, buckets: [ims, ims], clock: { now: () => Date.now() + days * 86_400_000 } });
    expect(await sweep(6)).toBe(0);
    expect(await sweep(8)).toBe(keys.length);
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: ims }));
    expect(Uploads).toEqual([]);
    client.destroy();
  });
});
