import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { sweepS3Uploads } from "../../adapters/artifacts/s3/sweep.ts";
import { gathered, hexDigest, inChunks, textSource } from "../support/artifact-content.ts";
import { localstack } from "../support/localstack.ts";
import { freshBuckets, openUploadsIn, PARTED, s3Artifacts, SMALL_PARTS } from "../support/s3-artifacts.ts";
import { s3Proxy } from "../support/s3-proxy.ts";

const WRITER = fileURLToPath(new URL("../support/s3-artifacts-writer.ts", import.meta.url));
const SHA256 = hexDigest("sha256", PARTED);

/** Runs it in a process that is killed when it is about to send so many writes; `ended` when it has not that many. */
async function killedAt(write: number, bucket: string, verb: "write" | "move"): Promise<"killed" | "ended"> {
  const reached = Promise.withResolvers<"killed">();
  let writes = 0;
  const proxy = await s3Proxy({
    async before({ method }) {
      if (method === "GET" || method === "HEAD" || (writes += 1) < write) return undefined;
      reached.resolve("killed");
      return await new Promise<never>(() => undefined);
    },
  });
  const writer = spawn(process.execPath, [WRITER, proxy.url, bucket, verb], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  onTestFinished(() => void writer.kill("SIGKILL"));
  const exit = once(writer, "exit");
  const outcome = await Promise.race([reached.promise, exit.then(() => "ended" as const)]);
  writer.kill("SIGKILL");
  await exit;
  return outcome;
}

async function emptyStore() {
  const { ims: bucket } = await freshBuckets();
  const artifacts = s3Artifacts([bucket], SMALL_PARTS);
  const digestAt = async (key: string) => {
    const body = await gathered((await artifacts.read({ bucket, key }))?.body);
    return body && hexDigest("sha256", body);
  };
  return { bucket, artifacts, digestAt, from: { bucket, key: "from" }, to: { bucket, key: "to" } };
}

async function nothingLeftOpen(bucket: string): Promise<void> {
  const clock = { now: () => Date.now() + 8 * 86_400_000 };
  await sweepS3Uploads({ aws: localstack(), buckets: [bucket], clock });
  expect(await openUploadsIn(bucket)).toBe(0);
}

/** Kills it at its first write, at its second, and so on, until it ends; answers what was seen each time. */
async function killedAtEach<T>(round: (write: number) => Promise<{ outcome: "killed" | "ended"; seen: T }>) {
  const killed: T[] = [];
  for (let write = 1; ; write += 1) {
    const { outcome, seen } = await round(write);
    if (outcome === "ended") return { killed, ended: seen };
    killed.push(seen);
  }
}

describe("an object in S3 whose process is killed", () => {
  it("is what it was or the new one, whole, before any request of its writing", async () => {
    const { killed, ended } = await killedAtEach(async (write) => {
      const { artifacts, bucket, digestAt, from } = await emptyStore();
      await artifacts.write(from, textSource("old"));
      const outcome = await killedAt(write, bucket, "write");
      const seen = { told: (await artifacts.stat(from))?.sha256, read: await digestAt("from") };
      expect(await artifacts.write(from, inChunks(PARTED))).toMatchObject({ sha256: SHA256 });
      await nothingLeftOpen(bucket);
      return { outcome, seen };
    });
    const old = hexDigest("sha256", "old");
    // The last request tells the digests of a content that was not announced.
    const untold = { told: undefined, read: SHA256 };
    expect(killed).toEqual([...Array.from({ length: 5 }, () => ({ told: old, read: old })), untold]);
    expect(ended).toEqual({ told: SHA256, read: SHA256 });
  });

  it("is at the source, the target or both, before any request of its move, which repeated ends at the target", async () => {
    const { killed, ended } = await killedAtEach(async (write) => {
      const { artifacts, bucket, digestAt, from, to } = await emptyStore();
      const stored = await artifacts.write(from, inChunks(PARTED), { contentType: "text/x" });
      const outcome = await killedAt(write, bucket, "move");
      const seen = [await digestAt("from"), await digestAt("to")];
      await artifacts.move(from, to);
      expect(await Array.fromAsync(artifacts.list(bucket, ""))).toEqual([{ ...stored, ...to }]);
      await nothingLeftOpen(bucket);
      return { outcome, seen };
    });
    expect(killed).toEqual([...Array.from({ length: 5 }, () => [SHA256, undefined]), [SHA256, SHA256]]);
    expect(ended).toEqual([undefined, SHA256]);
  });
});
