import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CreateMultipartUploadCommandInput,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { bytesOf, gathered, hexDigest, inChunks } from "../support/artifact-content.ts";
import { localstack } from "../support/localstack.ts";
import { freshBuckets, openUploadsIn, s3Artifacts, SMALL_PARTS } from "../support/s3-artifacts.ts";
import { bareS3 } from "../support/s3-job-logs.ts";
import { PASSING_S3_FAULTS, s3Proxy } from "../support/s3-proxy.ts";

const MIB = 1024 * 1024;
const BYTES = bytesOf(11 * MIB + 17);
const DIGESTS = { md5: hexDigest("md5", BYTES), sha256: hexDigest("sha256", BYTES) };
const GIVEN = { contentType: "application/x-squashfs", metadata: { md5sum: "abc", name: "Grüße" } };

/** As another program sends an object, in parts of its own choice. */
async function sentByOthers(
  place: { readonly Bucket: string; readonly Key: string },
  sizes: readonly number[],
  options: Partial<CreateMultipartUploadCommandInput> = {},
): Promise<Buffer> {
  const client = bareS3();
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...options, ...place }));
  const bodies = sizes.map((size, n) => Buffer.from(bytesOf(size, n)));
  const Parts = [];
  for (const [n, Body] of bodies.entries()) {
    const part = { ...place, UploadId, PartNumber: n + 1, Body };
    Parts.push({ PartNumber: n + 1, ETag: (await client.send(new UploadPartCommand(part))).ETag });
  }
  const all = { ...place, UploadId, MultipartUpload: { Parts } };
  await client.send(new CompleteMultipartUploadCommand(all));
  client.destroy();
  return Buffer.concat(bodies);
}

describe("an object that goes to S3 in parts", () => {
  it.each([
    ["known in the end only", {}],
    ["announced", { expect: { ...DIGESTS, size: BYTES.length } }],
  ])("has its digests, %s, and keeps them, its ETag and all else when it moves", async (_, options) => {
    const { ims, "boot-images": images } = await freshBuckets();
    const artifacts = s3Artifacts([ims], SMALL_PARTS);
    const [from, to] = [
      { bucket: ims, key: "a b/ä" },
      { bucket: images, key: "deleted/a b/ä" },
    ];
    const stored = await artifacts.write(from, inChunks(BYTES), { ...GIVEN, ...options });
    expect(stored).toMatchObject({ ...GIVEN, ...DIGESTS, size: BYTES.length });
    expect(stored.etag).toMatch(/^[0-9a-f]{32}-3$/u);
    expect(await artifacts.stat(from)).toEqual(stored);

    const moved = await artifacts.move(from, to);
    expect(moved).toEqual({ ...stored, ...to });
    expect(await artifacts.stat(to)).toEqual(moved);
    expect(await artifacts.stat(from)).toBeUndefined();
    expect(hexDigest("sha256", (await gathered((await artifacts.read(to))?.body)) ?? "")).toBe(
      DIGESTS.sha256,
    );
    expect(await artifacts.move(to, from)).toEqual(stored);
    expect([await openUploadsIn(ims), await openUploadsIn(images)]).toEqual([0, 0]);
  });

  it.each([[[5 * MIB, 7 * MIB, 6 * MIB, 3]], [[8 * MIB, 1]], [[5 * MIB]]])(
    "keeps what others made of it when it moves, with parts of %j bytes",
    async (sizes) => {
      const { ims } = await freshBuckets();
      const [from, to] = ["from", "to"].map((Key) => ({ Bucket: ims, Key }));
      const others = {
        ContentType: "text/x-other",
        CacheControl: "no-cache",
        Metadata: { some: "thing" },
        Tagging: "one=1%20%2B&two=%C3%A4",
      };
      const content = await sentByOthers(from ?? { Bucket: ims, Key: "" }, sizes, others);
      const client = bareS3();
      const before = await client.send(new HeadObjectCommand({ Bucket: ims, Key: "from" }));
      const artifacts = s3Artifacts([ims], SMALL_PARTS);
      const moved = await artifacts.move({ bucket: ims, key: "from" }, { bucket: ims, key: "to" });
      expect(moved).not.toHaveProperty("md5");
      expect(`"${moved?.etag}"`).toBe(before.ETag);
      const { Tagging: _, ...headers } = others;
      expect(await client.send(new HeadObjectCommand(to ?? from ?? { Bucket: ims, Key: "" }))).toMatchObject({
        ETag: before.ETag,
        ContentLength: content.length,
        ...headers,
      });
      const { TagSet = [] } = await client.send(new GetObjectTaggingCommand({ Bucket: ims, Key: "to" }));
      expect(TagSet.toSorted((a, b) => ((a.Key ?? "") < (b.Key ?? "") ? -1 : 1))).toEqual([
        { Key: "one", Value: "1 +" },
        { Key: "two", Value: "ä" },
      ]);
      const body = await gathered((await artifacts.read({ bucket: ims, key: "to" }))?.body);
      expect(Buffer.compare(body ?? Buffer.of(), content)).toBe(0);
      client.destroy();
    },
  );

  it("leaves an object that was stored as a whole with its tags, too", async () => {
    const { ims } = await freshBuckets();
    const client = bareS3();
    const place = { Bucket: ims, Key: "from" };
    await client.send(
      new PutObjectCommand({ ...place, Body: "whole", Tagging: "a=b", ContentType: "text/x" }),
    );
    const moved = await s3Artifacts([ims]).move({ bucket: ims, key: "from" }, { bucket: ims, key: "to" });
    expect(moved).toMatchObject({ etag: hexDigest("md5", "whole"), contentType: "text/x" });
    const { TagSet } = await client.send(new GetObjectTaggingCommand({ Bucket: ims, Key: "to" }));
    expect(TagSet).toEqual([{ Key: "a", Value: "b" }]);
    client.destroy();
  });

  it("is no object, and leaves no parts, when its source breaks off or is not what was announced", async () => {
    const { ims } = await freshBuckets();
    const artifacts = s3Artifacts([ims], SMALL_PARTS);
    const at = { bucket: ims, key: "a" };
    const reason = new Error("the client went away");
    async function* broken() {
      yield* inChunks(BYTES);
      throw reason;
    }
    await expect(artifacts.write(at, broken())).rejects.toBe(reason);
    for (const expected of [{ sha256: "0".repeat(64) }, { ...DIGESTS, md5: "0".repeat(32) }])
      await expect(artifacts.write(at, inChunks(BYTES), { expect: expected })).rejects.toMatchObject({
        code: "invalid",
      });
    expect(await artifacts.stat(at)).toBeUndefined();
    expect(await openUploadsIn(ims)).toBe(0);
  });

  it("keeps what exists when it is told to, and leaves no parts", async () => {
    const { ims } = await freshBuckets();
    const artifacts = s3Artifacts([ims], SMALL_PARTS);
    const at = { bucket: ims, key: "a" };
    const keep = { keepExisting: true };
    const first = await artifacts.write(at, inChunks(BYTES), { ...keep, ...GIVEN });
    expect(await artifacts.write(at, inChunks(BYTES), keep)).toEqual(first);
    await expect(artifacts.write(at, inChunks(bytesOf(BYTES.length, 2)), keep)).rejects.toMatchObject({
      code: "conflict",
    });
    expect(await artifacts.stat(at)).toEqual(first);
    expect(await openUploadsIn(ims)).toBe(0);
  });

  it.each(PASSING_S3_FAULTS)(
    "is written, moved and read through one fault at each request: %s",
    async (fault) => {
      const { ims } = await freshBuckets();
      const seen = new Set<string>();
      const proxy = await s3Proxy({
        before: ({ method, target }) => {
          const what = `${method} ${target.replace(/uploadId=[^&]+/u, "")}`;
          if (seen.has(what)) return undefined;
          seen.add(what);
          return fault;
        },
      });
      const artifacts = s3Artifacts([ims], { ...SMALL_PARTS, aws: { ...localstack(), endpoint: proxy.url } });
      const [from, to] = [
        { bucket: ims, key: "from" },
        { bucket: ims, key: "to" },
      ];
      const stored = await artifacts.write(from, inChunks(BYTES), { ...GIVEN, keepExisting: true });
      expect(stored).toMatchObject({ ...GIVEN, ...DIGESTS });
      expect(await artifacts.move(from, to)).toEqual({ ...stored, ...to });
      const body = await gathered((await artifacts.read(to))?.body);
      expect(hexDigest("sha256", body ?? "")).toBe(DIGESTS.sha256);
      expect(await Array.fromAsync(artifacts.list(ims, ""))).toEqual([{ ...stored, ...to }]);
      await artifacts.remove(to);
      expect(await artifacts.stat(to)).toBeUndefined();
      expect(seen.size).toBeGreaterThan(14);
      // What was opened twice because the answer was lost is the sweep's.
      expect(await openUploadsIn(ims)).toBeLessThanOrEqual(fault.startsWith("answer") ? 2 : 0);
    },
  );
});
