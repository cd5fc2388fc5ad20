import { createReadStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { createTransfer } from "../../adapters/transfer/transfer.ts";
import { scratchFolder } from "../support/archives.ts";
import { bytesOf, gathered, hexDigest, inChunks } from "../support/artifact-content.ts";
import { localstack } from "../support/localstack.ts";
import { freshBuckets, s3Artifacts } from "../support/s3-artifacts.ts";
import { s3Proxy } from "../support/s3-proxy.ts";

const MIB = 1024 ** 2;

async function world() {
  const { "boot-images": images } = await freshBuckets();
  return { images, artifacts: s3Artifacts([images]) };
}

/** Without what is left to the caller. */
const quiet = () => ({
  onProgress: () => undefined,
  onRetry: () => undefined,
  signal: new AbortController().signal,
});

/** What is sent as a whole asks for none. */
const noParts = {
  url: () => Promise.reject(new Error("asked for parts")),
  there: () => Promise.reject(new Error("asked for parts")),
  complete: () => Promise.reject(new Error("asked for parts")),
};

describe("the agent with signed URLs of S3", () => {
  it("sends a file with its metadata, which S3 checks on arrival", async () => {
    const { images, artifacts } = await world();
    const file = `${await scratchFolder()}/rootfs`;
    const bytes = bytesOf(9 * MIB + 1);
    await writeFile(file, bytes);
    const at = { bucket: images, key: "1/rootfs" };
    const metadata = { "x-shasta-ims-image-id": "1", "x-shasta-ims-image-name": "a%20b" };
    const headers = Object.fromEntries(
      Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]),
    );
    const target = async () => {
      const { url, expires_at } = await artifacts.signUrl("PUT", at, 60, metadata);
      return { method: "PUT" as const, url, expires_at, headers };
    };
    const digests = await createTransfer().upload({ file, target, parts: noParts, ...quiet() });
    expect(digests).toEqual({
      size: bytes.length,
      md5: hexDigest("md5", bytes),
      sha256: hexDigest("sha256", bytes),
    });
    expect(await artifacts.stat(at)).toMatchObject({ size: bytes.length, etag: digests.md5, metadata });
    expect(Buffer.compare((await gathered((await artifacts.read(at))?.body)) ?? Buffer.of(), bytes)).toBe(0);
  });

  it("sends other metadata than was signed in vain", async () => {
    const { images, artifacts } = await world();
    const at = { bucket: images, key: "1/rootfs" };
    const { url } = await artifacts.signUrl("PUT", at, 60, { owner: "me" });
    const refused = await fetch(url, { method: "PUT", body: "1", headers: { "x-amz-meta-owner": "you" } });
    expect(refused.status).toBe(403);
    expect(await artifacts.stat(at)).toBeUndefined();
  });

  it("fetches a file, going on after breaks, and says so when it is gone", async () => {
    const { images, artifacts } = await world();
    const bytes = bytesOf(6 * MIB + 5);
    const at = { bucket: images, key: "1/rootfs" };
    await artifacts.write(at, inChunks(bytes));
    const left = { cuts: 3 };
    const proxy = await s3Proxy({ before: () => (left.cuts-- > 0 ? "answer cut" : undefined) });
    const behind = s3Artifacts([], { aws: { ...localstack(), endpoint: proxy.url } });
    const { url } = await behind.signUrl("GET", at, 60);
    const file = `${await scratchFolder()}/rootfs`;
    const wanted = { size: bytes.length, md5: hexDigest("md5", bytes), sha256: hexDigest("sha256", bytes) };
    const order = { url, file, ...wanted, ...quiet() };
    await createTransfer({ firstPauseMs: 1 }).download(order);
    expect(Buffer.compare(await readFile(file), bytes)).toBe(0);
    expect(proxy.requests).toHaveLength(4);
    await artifacts.remove(at);
    await expect(createTransfer({ firstPauseMs: 1 }).download(order)).rejects.toMatchObject({
      code: "unavailable",
      message: "The server answered 404.",
    });
  });

  it("reads what it has sent as the service does, streamed", async () => {
    const { images, artifacts } = await world();
    const file = `${await scratchFolder()}/kernel`;
    await writeFile(file, bytesOf(3000));
    const at = { bucket: images, key: "1/kernel" };
    await artifacts.write(at, createReadStream(file));
    const range = { start: 1000, end: 1999 };
    const { url } = await artifacts.signUrl("GET", at, 60);
    const part = await fetch(url, { headers: { range: "bytes=1000-1999" } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(
      await gathered((await artifacts.read(at, range))?.body),
    );
  });
});
