import { ListMultipartUploadsCommand } from "@aws-sdk/client-s3";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import type { Artifacts } from "../../core/ports/artifacts.ts";
import { bytesOf, inChunks, textSource } from "../support/artifact-content.ts";
import { httpServer } from "../support/http-server.ts";
import { localstack } from "../support/localstack.ts";
import { freshBuckets, s3Artifacts } from "../support/s3-artifacts.ts";
import { bareS3 } from "../support/s3-job-logs.ts";
import type { Call } from "../support/faults/proxy.ts";
import { s3Proxy } from "../support/s3-proxy.ts";

const MIB = 1024 ** 2;
const partBytes = 5 * MIB;

async function openUploads(bucket: string): Promise<number> {
  const client = bareS3();
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  client.destroy();
  return Uploads.length;
}

describe("reading from S3", () => {
  it("frees the connection when the reader leaves", async () => {
    const served: ServerResponse[] = [];
    const endpoint = await httpServer((_, answer) => {
      served.push(answer);
      answer.writeHead(200, { etag: `"${"a".repeat(32)}"`, "content-length": 10 * 1024 * MIB });
      const more = (): void => {
        while (answer.write(Buffer.alloc(65_536)));
      };
      answer.on("drain", more);
      more();
    });
    const artifacts = s3Artifacts([], { aws: { ...localstack(), endpoint } });
    for await (const chunk of (await artifacts.read({ bucket: "ims", key: "endless" }))?.body ?? []) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    const [answer] = served;
    if (answer?.destroyed === false) await once(answer, "close");
    expect(answer?.writableFinished).toBe(false);
  });
});

describe("writing to S3", () => {
  it("leaves nothing when parts cannot be sent, or the store is lost at the end", async () => {
    for (const lost of [
      ({ target }: Call) => target.includes("partNumber=2"),
      ({ method, target }: Call) => method === "POST" && target.includes("uploadId="),
    ]) {
      const { ims } = await freshBuckets();
      const proxy = await s3Proxy({ before: (request) => (lost(request) ? "500" : undefined) });
      const aws = { ...localstack(), endpoint: proxy.url };
      const artifacts = s3Artifacts([ims], { aws, partBytes, patienceMs: 100 });
      const at = { bucket: ims, key: "a" };
      await expect(artifacts.write(at, inChunks(bytesOf(4 * partBytes)))).rejects.toMatchObject({
        code: "unavailable",
      });
      expect(await artifacts.stat(at)).toBeUndefined();
      expect(await openUploads(ims)).toBe(0);
    }
  });

  it("has parts whose bytes were changed on the way refused, and sends none of them", async () => {
    const { ims } = await freshBuckets();
    const proxy = await s3Proxy({
      before: ({ target }) => (target.includes("partNumber=1") ? "bytes changed" : undefined),
    });
    const aws = { ...localstack(), endpoint: proxy.url };
    const artifacts = s3Artifacts([ims], { aws, partBytes, patienceMs: 100 });
    const at = { bucket: ims, key: "a" };
    await expect(artifacts.write(at, inChunks(bytesOf(partBytes + 1)))).rejects.toMatchObject({
      code: "unavailable",
    });
    expect(await artifacts.stat(at)).toBeUndefined();
  });
});

describe("an S3 that refuses", () => {
  const answering = async (status: number, code: string): Promise<Artifacts> => {
    const endpoint = await httpServer((incoming, answer) => {
      incoming.resume();
      answer.writeHead(status, { "content-type": "application/xml" });
      answer.end(
        `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>m</Message></Error>`,
      );
    });
    return s3Artifacts(["ims"], { aws: { ...localstack(), endpoint }, patienceMs: 50 });
  };

  it.each([
    [403, "AccessDenied", "unavailable", "it refuses this service's credentials"],
    [403, "SignatureDoesNotMatch", "unavailable", "it refuses this service's credentials"],
    [503, "SlowDown", "unavailable", "it has more to do than it may"],
    [404, "NoSuchBucket", "unavailable", "a bucket that it should have is missing"],
    [500, "InternalError", "unavailable", "it answered InternalError"],
    [403, "QuotaExceeded", "storage-full", "no room left"],
    [507, "InsufficientStorage", "storage-full", "no room left"],
    [400, "EntityTooLarge", "too-large", "larger than its store takes"],
    [400, "KeyTooLongError", "invalid", "cannot have such an object"],
  ])("with %i %s is %s, and says: %s", async (status, code, expected, says) => {
    const artifacts = await answering(status, code);
    const at = { bucket: "ims", key: "a" };
    for (const work of [() => artifacts.write(at, textSource("1")), () => artifacts.check()])
      await expect(work()).rejects.toMatchObject({
        code: expected,
        message: expect.stringContaining(says),
        cause: expect.objectContaining({ name: code }),
      });
  });

  it("by being down is unavailable for all that is asked, soon", async () => {
    const down = await httpServer(() => undefined);
    const aws = { ...localstack(), endpoint: down.replace(/:\d+$/u, ":1") };
    const artifacts = s3Artifacts(["ims"], { aws, patienceMs: 50 });
    const at = { bucket: "ims", key: "a" };
    for (const work of [
      () => artifacts.stat(at),
      () => artifacts.read(at),
      () => artifacts.write(at, textSource("1")),
      () => artifacts.move(at, { ...at, key: "b" }),
      () => artifacts.remove(at),
      () => Array.fromAsync(artifacts.list("ims", "")),
      () => artifacts.check(),
    ])
      await expect(work()).rejects.toMatchObject({
        code: "unavailable",
        message: "The object store is not available: it cannot be reached (ECONNREFUSED).",
      });
  });
});
