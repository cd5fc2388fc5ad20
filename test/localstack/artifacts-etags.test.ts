import { createHash } from "node:crypto";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { each } from "../../core/backup/lines.ts";
import type { Artifacts } from "../../core/ports/artifacts.ts";
import { gathered } from "../support/artifact-content.ts";
import { freshBuckets, openUploadsIn, PARTED, s3Artifacts, SMALL_PARTS } from "../support/s3-artifacts.ts";
import { bareS3 } from "../support/s3-job-logs.ts";

const MIB = 1024 * 1024;
const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest();

/** As S3 makes it of parts of these sizes. */
function etagOf(content: Uint8Array, sizes: readonly number[]): string {
  let at = 0;
  const digests = sizes.map((size) => md5(content.subarray(at, (at += size))));
  return `${md5(Buffer.concat(digests)).toString("hex")}-${sizes.length}`;
}

async function stored(artifacts: Artifacts, bucket: string, content: Uint8Array, options: object) {
  const address = { bucket, key: "k" };
  const written = await artifacts.write(address, each([content]), {
    contentType: "a/b",
    metadata: { name: "ü" },
    ...options,
  });
  const found = await artifacts.stat(address);
  const body = await gathered((await artifacts.read(address))?.body);
  expect(found).toEqual(written);
  expect(found).toMatchObject({ size: content.length, contentType: "a/b", metadata: { name: "ü" } });
  expect(found?.sha256).toBe(createHash("sha256").update(content).digest("hex"));
  expect(body?.equals(content)).toBe(true);
  expect(await openUploadsIn(bucket)).toBe(0);
  return written.etag;
}

describe("an object that had another ETag where it comes from", () => {
  it.each([
    ["in usual parts", PARTED, [8 * MIB, PARTED.length - 8 * MIB], false],
    ["in parts of odd sizes, which are told", PARTED, [5_500_000, PARTED.length - 5_500_000], true],
    ["in parts of whole mebibytes", PARTED, [7 * MIB, PARTED.length - 7 * MIB], false],
    ["in one part", PARTED.subarray(0, 1000), [1000], false],
  ])("has it in S3 as well, when it came %s", async (_how, content, sizes, told) => {
    const { ims } = await freshBuckets();
    const etag = etagOf(content, sizes);
    const options = { etag, ...(told ? { partSizes: sizes } : {}) };
    expect(await stored(s3Artifacts([ims], SMALL_PARTS), ims, content, options)).toBe(etag);
  });

  it("has it when it came whole, and is larger than what we send whole; with digests told before or not", async () => {
    const { ims } = await freshBuckets();
    const etag = md5(PARTED).toString("hex");
    const sha256 = createHash("sha256").update(PARTED).digest("hex");
    const artifacts = s3Artifacts([ims], SMALL_PARTS);
    expect(await stored(artifacts, ims, PARTED, { etag })).toBe(etag);
    expect(await stored(artifacts, ims, PARTED, { etag, expect: { md5: etag, sha256 } })).toBe(etag);
  });

  it.each([["9b2cf535f27731c974343645a3985328-2"], ["9b2cf535f27731c974343645a3985328"], ["odd-0"]])(
    "has the one that S3 makes when its content cannot have that (%s)",
    async (etag) => {
      const { ims } = await freshBuckets();
      const made = await stored(s3Artifacts([ims], SMALL_PARTS), ims, PARTED, { etag });
      expect(made).toBe(etagOf(PARTED, [5 * MIB, 5 * MIB, 17]));
    },
  );

  it("tells the sizes of its parts, if it has some", async () => {
    const { ims } = await freshBuckets();
    const artifacts = s3Artifacts([ims], SMALL_PARTS);
    await artifacts.write({ bucket: ims, key: "k" }, each([PARTED]));
    expect(await artifacts.partSizes?.({ bucket: ims, key: "k" })).toEqual([5 * MIB, 5 * MIB, 17]);
    const client = bareS3();
    await client.send(new PutObjectCommand({ Bucket: ims, Key: "whole", Body: "x" }));
    client.destroy();
    expect(await artifacts.partSizes?.({ bucket: ims, key: "whole" })).toBeUndefined();
    expect(await artifacts.partSizes?.({ bucket: ims, key: "none" })).toBeUndefined();
  });
});
