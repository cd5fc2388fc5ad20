import { describe, expect, it } from "vitest";
import { bytesOf, gathered, inChunks, textSource } from "../support/artifact-content.ts";
import { localstack } from "../support/localstack.ts";
import { freshBuckets, s3Artifacts } from "../support/s3-artifacts.ts";
import { putObjects } from "../support/s3-job-logs.ts";
import type { Fault } from "../support/faults/proxy.ts";
import { s3Proxy } from "../support/s3-proxy.ts";

const MIB = 1024 * 1024;

/** A store behind a proxy that cuts as many downloads in the middle. */
async function behindCuts(ims: string, cuts: number, meanwhile: () => Promise<unknown> = async () => {}) {
  let gets = 0;
  const before = async ({ method }: { method: string }): Promise<Fault | undefined> => {
    if (method !== "GET" || gets >= cuts) return undefined;
    gets += 1;
    return "answer cut";
  };
  const after = async ({ method }: { method: string }) => {
    if (method === "GET" && gets === 1) await meanwhile();
  };
  const proxy = await s3Proxy({ before, after });
  return { proxy, artifacts: s3Artifacts([ims], { aws: { ...localstack(), endpoint: proxy.url } }) };
}

describe("reading from S3", () => {
  it("goes on where a connection broke, again and again, with what is missing only", async () => {
    const { ims } = await freshBuckets();
    const at = { bucket: ims, key: "a" };
    const bytes = bytesOf(3 * MIB);
    await s3Artifacts([ims]).write(at, inChunks(bytes));
    const { artifacts, proxy } = await behindCuts(ims, 5);
    expect(
      Buffer.compare((await gathered((await artifacts.read(at))?.body)) ?? bytes.subarray(1), bytes),
    ).toBe(0);
    expect(proxy.requests.filter(({ method }) => method === "GET")).toHaveLength(6);
    const part = await artifacts.read(at, { start: MIB, end: 2 * MIB });
    expect(Buffer.compare((await gathered(part?.body)) ?? bytes, bytes.subarray(MIB, 2 * MIB + 1))).toBe(0);
  });

  it("ends in an error, not in a mixture, when the object is another one after the break", async () => {
    const { ims } = await freshBuckets();
    const at = { bucket: ims, key: "a" };
    const direct = s3Artifacts([ims]);
    await direct.write(at, inChunks(bytesOf(3 * MIB)));
    const { artifacts } = await behindCuts(ims, 1, () => direct.write(at, inChunks(bytesOf(3 * MIB, 2))));
    await expect(gathered((await artifacts.read(at))?.body)).rejects.toMatchObject({
      code: "unavailable",
      message: "The connection to the object store broke, and the object has been replaced or removed since.",
    });
  });

  it("gives up where no byte comes any more", async () => {
    const { ims } = await freshBuckets();
    const at = { bucket: ims, key: "a" };
    await s3Artifacts([ims]).write(at, textSource("1"));
    const { artifacts } = await behindCuts(ims, Infinity);
    await expect(gathered((await artifacts.read(at))?.body)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("lists more objects than S3 answers at once, each once and in order", async () => {
    const { ims } = await freshBuckets();
    // LocalStack loses its place after a page whose last key is encoded, so that these are plain.
    const keys = Array.from({ length: 1100 }, (_, n) => `k/${n % 7}/${n}`);
    await putObjects(
      ims,
      keys.map((key) => [key, Buffer.from("1")]),
    );
    const found = await Array.fromAsync(s3Artifacts([ims]).list(ims, "k/"));
    expect(found.map(({ key }) => key)).toEqual(keys.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(found.every((info) => info.md5 === undefined && info.size === 1)).toBe(true);
  });
});

describe("a store of objects that cannot be used", () => {
  const quickly = { patienceMs: 200 };

  it("is unavailable when it does not answer, when it refuses, and without its bucket, and says why", async () => {
    const { ims } = await freshBuckets();
    const at = { bucket: ims, key: "a" };
    const gone = s3Artifacts([ims], { ...quickly, aws: { ...localstack(), endpoint: "http://127.0.0.1:1" } });
    const asked = [() => gone.stat(at), () => gone.read(at), () => gone.check(), () => gone.remove(at)];
    for (const ask of asked)
      await expect(ask()).rejects.toMatchObject({
        code: "unavailable",
        message: "The object store is not available: it cannot be reached (ECONNREFUSED).",
        cause: expect.any(Error),
      });
    const missing = s3Artifacts(["ims-none"], quickly);
    await expect(missing.write({ bucket: "ims-none", key: "a" }, textSource("1"))).rejects.toMatchObject({
      code: "unavailable",
      message: "The object store is not available: a bucket that it should have is missing.",
    });
    const throttling = await s3Proxy({ before: () => "throttled" });
    const busy = s3Artifacts([ims], { ...quickly, aws: { ...localstack(), endpoint: throttling.url } });
    await expect(busy.write(at, textSource("1"))).rejects.toMatchObject({
      code: "unavailable",
      message: "The object store is not available: it has more to do than it may.",
    });
  });
});
