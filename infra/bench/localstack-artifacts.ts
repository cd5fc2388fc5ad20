import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  S3Client,
  UploadPartCommand,
  type CompletedPart,
} from "@aws-sdk/client-s3";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import process from "node:process";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createS3Artifacts } from "../../adapters/artifacts/s3/artifacts.ts";
import { type AwsConfig, awsClientOptions } from "../../adapters/aws/options.ts";
import { median, seconds } from "./measure.ts";
import { drain, someBytes } from "./stream.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const ROUNDS = 3;
const PART = 8 * MIB;
/** Of the bare upload, as many as ours sends at once. */
const LANES = 3;

/**
 * What our adapter adds to the SDK's bare calls when 1 GiB goes up and down: parts of the same size, as many at once,
 * without digests. One transfer of each in turn. The memory is that of a process that streams 2 GiB.
 */
export async function benchLocalstackArtifacts(aws: AwsConfig) {
  const bucket = `ims-bench-${randomUUID()}`;
  const client = new S3Client({
    ...awsClientOptions(aws, { maxAttempts: 1, idleMilliseconds: 60_000 }),
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  try {
    return { ...(await transfers(client, aws, bucket)), streamPeakMiB: await streamPeak(aws, bucket) };
  } finally {
    client.destroy();
  }
}

async function transfers(client: S3Client, aws: AwsConfig, bucket: string) {
  const artifacts = createS3Artifacts({ aws, clock: Date, buckets: [] });
  const ours = { bucket, key: "ours" };
  const bare = { Bucket: bucket, Key: "bare" };
  const [upBare = Number.NaN, up = Number.NaN, downBare = Number.NaN, down = Number.NaN] = await inTurn([
    () => bareUpload(client, bare, someBytes(GIB)),
    () => artifacts.write(ours, someBytes(GIB)),
    () => bareDownload(client, bare),
    async () => checkLength(await drain((await artifacts.read(ours))?.body)),
  ]);
  await Promise.all([artifacts.remove(ours), client.send(new DeleteObjectCommand(bare))]);
  return {
    upBareSeconds: upBare,
    upRatio: up / upBare,
    downBareSeconds: downBare,
    downRatio: down / downBare,
  };
}

/** Median seconds of each, in the order given. The first round warms up. */
async function inTurn(works: readonly (() => Promise<unknown>)[]): Promise<number[]> {
  const timed = works.map((work) => ({ work, times: new Array<number>() }));
  for (let round = 0; round <= ROUNDS; round += 1)
    for (const { work, times } of timed) {
      const took = await seconds(work);
      if (round > 0) times.push(took);
    }
  return timed.map(({ times }) => median(times));
}

interface Place {
  readonly Bucket: string;
  readonly Key: string;
}

async function bareUpload(client: S3Client, place: Place, source: AsyncIterable<Uint8Array>): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(place));
  const parts: CompletedPart[] = [];
  const running = new Set<Promise<unknown>>();
  const send = async (number: number, Body: Uint8Array) => {
    const command = new UploadPartCommand({ ...place, UploadId, PartNumber: number, Body });
    parts[number - 1] = { PartNumber: number, ETag: (await client.send(command)).ETag };
  };
  let number = 0;
  for await (const body of inParts(source)) {
    while (running.size >= LANES) await Promise.race(running);
    const sent: Promise<unknown> = send((number += 1), body).finally(() => running.delete(sent));
    running.add(sent);
  }
  await Promise.all(running);
  await client.send(
    new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts: parts } }),
  );
}

async function* inParts(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let [chunks, size] = [new Array<Uint8Array>(), 0];
  for await (const chunk of source) {
    chunks.push(chunk);
    size += chunk.length;
    if (size < PART) continue;
    yield Buffer.concat(chunks);
    [chunks, size] = [[], 0];
  }
  if (size > 0) yield Buffer.concat(chunks);
}

async function bareDownload(client: S3Client, place: Place): Promise<void> {
  const { Body } = await client.send(new GetObjectCommand(place));
  checkLength(Body instanceof Readable ? await drain(Body) : 0);
}

function checkLength(length: number): void {
  if (length !== GIB) throw new Error(`${length} bytes came down.`);
}

async function streamPeak(aws: AwsConfig, bucket: string): Promise<number> {
  const program = fileURLToPath(new URL("s3-stream.ts", import.meta.url));
  const args = [program, JSON.stringify(aws), bucket, String(2 * GIB)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return Number(stdout);
}
