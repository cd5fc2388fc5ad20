import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { bytesOf } from "../support/artifact-content.ts";
import { localstack } from "../support/localstack.ts";
import { freshLogsBucket, logsIn, objectsIn, SMALL } from "../support/s3-job-logs.ts";
import { s3Proxy } from "../support/s3-proxy.ts";

const WRITER = fileURLToPath(new URL("../support/s3-job-logs-writer.ts", import.meta.url));
const JOB = "0b5b0e5e-5d0f-4f0c-9b0a-1d2e3f405162";
const WHOLE = bytesOf(1_000_000);

function start(endpoint: string, bucket: string, ...words: string[]) {
  const writer = spawn(process.execPath, [WRITER, endpoint, bucket, ...words], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void writer.kill("SIGKILL"));
  return writer;
}

async function killed(writer: ChildProcess): Promise<void> {
  const exit = writer.exitCode === null ? once(writer, "exit") : undefined;
  writer.kill("SIGKILL");
  await exit;
}

async function stored(bucket: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(logsIn(bucket, SMALL).read(JOB)));
}

describe("a log in S3 whose process is killed", () => {
  it("has all that was answered, in the middle of an append, and the next process goes on from there", async () => {
    const bucket = await freshLogsBucket();
    let size = 0;
    for (let round = 0; round < 4; round += 1) {
      const writer = start(localstack().endpoint, bucket, "append", JOB, String(size));
      const printed = text(writer.stdout);
      await once(writer.stdout, "data");
      await sleep(Math.random() * 300);
      await killed(writer);
      const answered = Number((await printed).split("\n").at(-2));
      const read = await stored(bucket);
      expect(read.length).toBeGreaterThanOrEqual(answered);
      expect(Buffer.compare(read, WHOLE.subarray(0, read.length))).toBe(0);
      size = answered;
    }
  });

  it.each(["before", "after"] as const)(
    "reads the same, %s any write in the middle of its completion, which then goes on",
    async (moment) => {
      let write = 1;
      while ((await completion(moment, write)) === "killed") write += 1;
      expect(write).toBeGreaterThan(4);
    },
  );
});

/** Completes a log in a process that is killed at so many writes, and then again. */
async function completion(moment: "before" | "after", write: number): Promise<"killed" | "ended"> {
  const bucket = await freshLogsBucket();
  const whole = WHOLE.subarray(0, 8000);
  const logs = logsIn(bucket, SMALL);
  for (let at = 0; at < whole.length; at += 1000)
    await logs.append(JOB, 0, at, whole.subarray(at, at + 1000));

  const reached = Promise.withResolvers<"killed">();
  let writes = 0;
  const holdAt = async ({ method }: { method: string }) => {
    if (method === "GET" || (writes += 1) < write) return undefined;
    reached.resolve("killed");
    return await new Promise<never>(() => undefined);
  };
  const proxy = await s3Proxy(moment === "before" ? { before: holdAt } : { after: holdAt });
  const writer = start(proxy.url, bucket, "complete", JOB);
  const outcome = await Promise.race([reached.promise, once(writer, "exit").then(() => "ended" as const)]);
  await killed(writer);
  expect(Buffer.compare(await stored(bucket), whole)).toBe(0);

  expect(await logsIn(bucket, SMALL).append(JOB, 0, 8000, Buffer.from("late"))).toBe(8004);
  const longer = Buffer.concat([whole, Buffer.from("late")]);
  expect(Buffer.compare(await stored(bucket), longer)).toBe(0);
  await logsIn(bucket, SMALL).complete(JOB);
  expect(await objectsIn(bucket)).toEqual([[`${JOB}/0/${"0".repeat(16)}`, 8004]]);
  expect(Buffer.compare(await stored(bucket), longer)).toBe(0);
  return outcome;
}
