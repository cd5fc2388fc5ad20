import {
  CompleteMultipartUploadCommand,
  type CompleteMultipartUploadCommandInput,
  CreateMultipartUploadCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, it, onTestFinished } from "vitest";
import { bytesOf, gathered, hexDigest, inChunks } from "../support/artifact-content.ts";
import { localstack } from "../support/localstack.ts";
import { freshBuckets, s3Artifacts } from "../support/s3-artifacts.ts";
import { bareS3 } from "../support/s3-job-logs.ts";
import { s3Proxy } from "../support/s3-proxy.ts";

const MIB = 1024 ** 2;
/** S3 takes no smaller ones but the last: what is 5 GiB for real is this here. */
const partBytes = 5 * MIB;

async function world() {
  const buckets = await freshBuckets();
  const client = bareS3();
  onTestFinished(() => client.destroy());
  const [from, to] = [
    { bucket: buckets.ims, key: "some/rootfs" },
    { bucket: buckets["boot-images"], key: "deleted/Grüße +%/rootfs" },
  ];
  const head = ({ bucket, key }: typeof from) =>
    client.send(new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: "ENABLED" }));
  const tags = async ({ bucket, key }: typeof from) =>
    (await client.send(new GetObjectTaggingCommand({ Bucket: bucket, Key: key }))).TagSet;
  const open = async () => {
    const lists = Object.values(buckets).map((Bucket) =>
      client.send(new ListMultipartUploadsCommand({ Bucket })),
    );
    return (await Promise.all(lists)).flatMap(({ Uploads = [] }) => Uploads);
  };
  const artifacts = s3Artifacts(Object.values(buckets), { partBytes });
  return { buckets, client, from, to, head, tags, open, artifacts };
}
type World = Awaited<ReturnType<typeof world>>;

const KEPT = {
  ContentType: "application/x-squashfs",
  CacheControl: "no-store",
  ContentDisposition: 'attachment; filename="rootfs"',
  ContentLanguage: "en",
  Metadata: { md5sum: "abc", "x-shasta-ims-image-id": "1" },
};
const TAGS = [
  { Key: "owner", Value: "a b+c=d/e" },
  { Key: "k:2", Value: "" },
];

/** As another program stores it, in parts of these sizes. */
async function putInParts({ client, from }: World, sizes: readonly number[]): Promise<Buffer> {
  const place = { Bucket: from.bucket, Key: from.key };
  const Tagging = "owner=a%20b%2Bc%3Dd%2Fe&k%3A2=";
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...place, ...KEPT, Tagging }));
  const bodies = sizes.map((size, n) => Buffer.from(bytesOf(size, n)));
  const Parts: NonNullable<CompleteMultipartUploadCommandInput["MultipartUpload"]>["Parts"] = [];
  for (const [n, Body] of bodies.entries()) {
    const part = { ...place, UploadId, PartNumber: n + 1, Body };
    Parts.push({ PartNumber: n + 1, ETag: (await client.send(new UploadPartCommand(part))).ETag });
  }
  await client.send(new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts } }));
  return Buffer.concat(bodies);
}

const contentAt = async ({ artifacts }: World, at: World["from"]) =>
  (await gathered((await artifacts.read(at))?.body)) ?? Buffer.of();

describe("moving an object of S3", () => {
  it.each([
    ["of equal parts", [6 * MIB, 6 * MIB, MIB]],
    ["of parts of all sizes", [7 * MIB, 5 * MIB, 6 * MIB, 12_345]],
    ["of one part", [5 * MIB]],
  ])("that another program stored, %s, keeps all that is known of it", async (_, sizes) => {
    const here = await world();
    const bytes = await putInParts(here, sizes);
    const before = await here.head(here.from);
    expect(await here.artifacts.move(here.from, here.to)).toMatchObject({
      ...here.to,
      size: bytes.length,
      etag: before.ETag?.slice(1, -1),
      contentType: KEPT.ContentType,
      metadata: KEPT.Metadata,
    });
    const after = await here.head(here.to);
    expect(after.ETag).toMatch(new RegExp(`-${sizes.length}"$`, "u"));
    expect(after).toMatchObject({ ...KEPT, ETag: before.ETag, ContentLength: bytes.length });
    expect((await here.tags(here.to))?.toSorted((a, b) => (a.Key ?? "").localeCompare(b.Key ?? ""))).toEqual(
      TAGS.toSorted((a, b) => a.Key.localeCompare(b.Key)),
    );
    expect(Buffer.compare(await contentAt(here, here.to), bytes)).toBe(0);
    expect(await here.artifacts.stat(here.from)).toBeUndefined();
    expect(await here.open()).toEqual([]);
  });

  it.each([
    [partBytes, /^[0-9a-f]{32}$/u],
    [partBytes + 1, /-2$/u],
    [3 * partBytes, /-3$/u],
  ])("of %i bytes, at the boundary of a part, keeps ETag, digests and checksum", async (size, etag) => {
    const here = await world();
    const bytes = bytesOf(size);
    const written = await here.artifacts.write(here.from, inChunks(bytes), { contentType: "text/plain" });
    const before = await here.head(here.from);
    expect(written.etag).toMatch(etag);
    const moved = await here.artifacts.move(here.from, here.to);
    expect(moved).toEqual({ ...written, ...here.to });
    const after = await here.head(here.to);
    expect(after.ChecksumCRC32).toBe(before.ChecksumCRC32);
    // A digest that only a tag knew, because it was known last, is where other programs look for it.
    expect(after.Metadata).toMatchObject({ md5sum: hexDigest("md5", bytes) });
    expect(await here.tags(here.to)).toEqual([]);
  });

  it("again, after a crash between copy and removal, ends at the target and copies nothing twice", async () => {
    const here = await world();
    const proxy = await s3Proxy({
      before: ({ method }) => (method === "DELETE" ? "refused" : undefined),
    });
    const aws = { ...localstack(), endpoint: proxy.url };
    const dying = s3Artifacts(Object.values(here.buckets), { aws, partBytes, patienceMs: 1 });
    const written = await here.artifacts.write(here.from, inChunks(bytesOf(2 * partBytes + 1)));
    await expect(dying.move(here.from, here.to)).rejects.toMatchObject({ code: "unavailable" });
    expect([await here.artifacts.stat(here.from), await here.artifacts.stat(here.to)]).toEqual([
      written,
      { ...written, ...here.to },
    ]);
    const through = await s3Proxy();
    const again = s3Artifacts([], { aws: { ...aws, endpoint: through.url }, partBytes });
    expect(await again.move(here.from, here.to)).toEqual({ ...written, ...here.to });
    expect(through.requests.map(({ method }) => method)).not.toContain("PUT");
    expect(await here.artifacts.stat(here.from)).toBeUndefined();
    expect(await here.artifacts.move(here.from, here.to)).toBeUndefined();
  });

  it("keeps the original, and gives back what was copied, when the copy breaks for good", async () => {
    const here = await world();
    const written = await here.artifacts.write(here.from, inChunks(bytesOf(3 * partBytes)));
    const proxy = await s3Proxy({
      before: ({ target }) =>
        target.includes("partNumber=2") && target.includes("uploadId") ? "500" : undefined,
    });
    const aws = { ...localstack(), endpoint: proxy.url };
    const broken = s3Artifacts([], { aws, partBytes, patienceMs: 1 });
    await expect(broken.move(here.from, here.to)).rejects.toMatchObject({ code: "unavailable" });
    expect(await here.artifacts.stat(here.from)).toEqual(written);
    expect(await here.artifacts.stat(here.to)).toBeUndefined();
    expect(await here.open()).toEqual([]);
  });

  it("does not remove what somebody has put at the source since it was copied", async () => {
    const here = await world();
    await here.artifacts.write(here.from, inChunks(bytesOf(1000)));
    const proxy = await s3Proxy({
      async after({ method, target }) {
        if (method === "PUT" && target.includes(here.to.bucket))
          await here.artifacts.write(here.from, inChunks(bytesOf(2000)));
      },
    });
    const slow = s3Artifacts([], { aws: { ...localstack(), endpoint: proxy.url } });
    expect(await slow.move(here.from, here.to)).toMatchObject({ size: 1000 });
    expect(await here.artifacts.stat(here.from)).toMatchObject({ size: 2000 });
  });

  it("refuses a source that changes while its parts are copied, and leaves the target as it was", async () => {
    const here = await world();
    await here.artifacts.write(here.from, inChunks(bytesOf(2 * partBytes)));
    const proxy = await s3Proxy({
      async after({ method, target }) {
        if (method === "POST" && target.includes("uploads"))
          await here.artifacts.write(here.from, inChunks(bytesOf(2 * partBytes, 5)));
      },
    });
    const slow = s3Artifacts([], { aws: { ...localstack(), endpoint: proxy.url }, partBytes });
    await expect(slow.move(here.from, here.to)).rejects.toMatchObject({ code: "unavailable" });
    expect(await here.artifacts.stat(here.to)).toBeUndefined();
    expect(await here.open()).toEqual([]);
  });
});
