import { ensureBuckets } from "../../adapters/artifacts/s3/buckets.ts";
import { createS3Artifacts } from "../../adapters/artifacts/s3/artifacts.ts";
import { createS3Uploads } from "../../adapters/artifacts/s3/uploads.ts";
import { uploadSessionsContract } from "../contract/upload-sessions.suite.ts";
import { freshName, localstack } from "../support/localstack.ts";

const clock = { now: () => Date.now() };

uploadSessionsContract("S3", async () => {
  const aws = localstack();
  const bucket = freshName("uploads");
  await ensureBuckets({ aws, buckets: [bucket], create: true });
  const put = async (url: string, bytes: Uint8Array<ArrayBuffer>) =>
    (await fetch(url, { method: "PUT", body: bytes })).status;
  return {
    artifacts: createS3Artifacts({ aws, clock, buckets: [bucket] }),
    uploads: createS3Uploads({ aws, clock }),
    put,
    bucket,
  };
});
