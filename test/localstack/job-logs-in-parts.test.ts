import { describe, expect, it } from "vitest";
import { bytesOf } from "../support/artifact-content.ts";
import { localstack } from "../support/localstack.ts";
import { freshLogsBucket, logsIn, objectsIn, putObjects, SMALL } from "../support/s3-job-logs.ts";
import { PASSING_S3_FAULTS, s3Proxy } from "../support/s3-proxy.ts";

const JOB = "0b5b0e5e-5d0f-4f0c-9b0a-1d2e3f405162";
const key = (offset: number, stream = 0) => `${JOB}/${stream}/${String(offset).padStart(16, "0")}`;
const through = (url: string) => ({ aws: { ...localstack(), endpoint: url } });
const readAll = async (logs: ReturnType<typeof logsIn>, offset?: number, length?: number) =>
  Buffer.concat(await Array.fromAsync(logs.read(JOB, offset, length)));

async function appendInSteps(logs: ReturnType<typeof logsIn>, whole: Uint8Array, step: number, from = 0) {
  for (let at = from; at < whole.length; at += step)
    expect(await logs.append(JOB, 0, at, whole.subarray(at, at + step))).toBe(
      Math.min(at + step, whole.length),
    );
}

describe("job logs in S3", () => {
  it("write one small object again and again rather than many, by one request for each append", async () => {
    const bucket = await freshLogsBucket();
    const proxy = await s3Proxy();
    const logs = logsIn(bucket, through(proxy.url));
    const whole = bytesOf(20_000);
    await appendInSteps(logs, whole, 100);
    expect(await objectsIn(bucket)).toEqual([[key(0), 20_000]]);
    const puts = proxy.requests.filter(({ method }) => method === "PUT");
    expect([puts.length, proxy.requests.length]).toEqual([200, 201]);
  });

  it("become one object for each stream when they are complete, which is read by one request", async () => {
    const bucket = await freshLogsBucket();
    const proxy = await s3Proxy();
    const logs = logsIn(bucket, { ...through(proxy.url), segmentBytes: 3000 });
    const whole = bytesOf(100_000);
    await appendInSteps(logs, whole, 1000);
    await logs.append(JOB, 1, 0, Buffer.from("last"));
    expect((await objectsIn(bucket)).length).toBeGreaterThan(30);
    await logs.complete(JOB);
    expect(await objectsIn(bucket)).toEqual([
      [key(0), 100_000],
      [key(0, 1), 4],
    ]);
    proxy.requests.length = 0;
    expect(Buffer.compare(await readAll(logs, 0, 100_000), whole)).toBe(0);
    expect(proxy.requests.map(({ method }) => method)).toEqual(["GET", "GET"]);
    proxy.requests.length = 0;
    await logs.complete(JOB);
    expect(proxy.requests.every(({ method }) => method === "GET")).toBe(true);
  });

  it("become several objects when they are large, each as large as may be", async () => {
    const bucket = await freshLogsBucket();
    const logs = logsIn(bucket, SMALL);
    const whole = bytesOf(350_000);
    await appendInSteps(logs, whole, 3000);
    await logs.complete(JOB);
    const sizes = (await objectsIn(bucket)).map(([, size]) => size);
    expect(sizes).toEqual([99_000, 99_000, 99_000, 53_000]);
    expect(Buffer.compare(await readAll(logs), whole)).toBe(0);
  });

  it("are read, measured, completed and removed when they have more parts than a list's page", async () => {
    const bucket = await freshLogsBucket();
    const whole = bytesOf(1100 * 3);
    const parts = Array.from(
      { length: 1100 },
      (_, n) => [key(n * 3), whole.subarray(n * 3, n * 3 + 3)] as const,
    );
    await putObjects(bucket, [...parts, [key(0, 7), Buffer.from("seventh")]]);
    const logs = logsIn(bucket, { segmentBytes: 3 });
    expect(await logs.size(JOB, 0)).toBe(whole.length);
    expect(await logs.totalSize(JOB)).toBe(whole.length + 7);
    expect((await readAll(logs, 1999, 1001)).equals(whole.subarray(1999, 3000))).toBe(true);
    expect(await logs.append(JOB, 0, whole.length, Buffer.from("+"))).toBe(whole.length + 1);
    await logs.complete(JOB);
    expect(await objectsIn(bucket)).toEqual([
      [key(0), whole.length + 1],
      [key(0, 7), 7],
    ]);
    expect((await readAll(logs)).toString("latin1")).toBe(`${Buffer.from(whole).toString("latin1")}+seventh`);
    await putObjects(bucket, parts.slice(1));
    await logs.remove(JOB);
    expect(await objectsIn(bucket)).toEqual([]);
  });

  it("are all listed when they are more than a page, and nothing else that lies in the bucket", async () => {
    const bucket = await freshLogsBucket();
    const ids = Array.from({ length: 1100 }, (_, n) => `${String(n).padStart(8, "0")}${JOB.slice(8)}`);
    await putObjects(
      bucket,
      [...ids.map((id) => `${id}/0/${"0".repeat(16)}`), "notes.txt", "other/0/1", `${JOB}/notes`].map(
        (name) => [name, Buffer.from("x")] as const,
      ),
    );
    const logs = logsIn(bucket);
    expect((await Array.fromAsync(logs.list())).toSorted()).toEqual([JOB, ...ids].toSorted());
    expect(await logs.totalSize(JOB)).toBe(0);
  });

  it("are read whole while they are completed, and while others append", async () => {
    const bucket = await freshLogsBucket();
    const logs = logsIn(bucket, SMALL);
    const whole = bytesOf(120_000);
    await appendInSteps(logs, whole.subarray(0, 60_000), 1000);
    const late = appendInSteps(logsIn(bucket, SMALL), whole, 1500, 60_000);
    const merging = (async () => {
      for (let round = 0; round < 6; round += 1) await logsIn(bucket, SMALL).complete(JOB);
    })();
    for (let round = 0; round < 10; round += 1) {
      const read = await readAll(logsIn(bucket, SMALL));
      expect(read.length).toBeGreaterThanOrEqual(60_000);
      expect(Buffer.compare(read, whole.subarray(0, read.length))).toBe(0);
    }
    await Promise.all([late, merging]);
    await logs.complete(JOB);
    expect(Buffer.compare(await readAll(logs), whole)).toBe(0);
    expect((await objectsIn(bucket)).length).toBeLessThanOrEqual(2);
  });

  it.each([
    ["in the object that both know", undefined],
    ["in the next object, which one does not know of", 4],
  ])("keep what another process wrote meanwhile, %s", async (_where, segmentBytes) => {
    const bucket = await freshLogsBucket();
    const size = segmentBytes === undefined ? {} : { segmentBytes };
    const [one, other] = [logsIn(bucket, size), logsIn(bucket, size)];
    await one.append(JOB, 0, 0, Buffer.from("one\n"));
    await other.append(JOB, 0, 4, Buffer.from("two\n"));
    expect(await one.append(JOB, 0, 4, Buffer.from("TWO\nfour\n"))).toBe(13);
    expect((await readAll(logsIn(bucket))).toString()).toBe("one\ntwo\nfour\n");
  });

  it("keep what is appended between the merge and the removal of what was merged", async () => {
    const bucket = await freshLogsBucket();
    const writing = logsIn(bucket, SMALL);
    const whole = bytesOf(8004);
    await appendInSteps(writing, whole.subarray(0, 8000), 1000);
    let late: Promise<number> | undefined;
    const proxy = await s3Proxy({
      before: async ({ method }) => {
        if (method === "DELETE") await (late ??= writing.append(JOB, 0, 8000, whole.subarray(8000)));
        return undefined;
      },
    });
    await logsIn(bucket, { ...SMALL, ...through(proxy.url) }).complete(JOB);
    expect(await late).toBe(8004);
    expect(Buffer.compare(await readAll(logsIn(bucket)), whole)).toBe(0);
  });

  it("end where a removal that was cut short has left a gap", async () => {
    const bucket = await freshLogsBucket();
    await putObjects(bucket, [
      [key(0), Buffer.from("abc")],
      [key(10), Buffer.from("xyz")],
    ]);
    const logs = logsIn(bucket);
    expect((await readAll(logs)).toString()).toBe("abc");
    expect([await logs.size(JOB, 0), await logs.totalSize(JOB)]).toEqual([3, 3]);
    await logs.remove(JOB);
    expect(await objectsIn(bucket)).toEqual([]);
  });

  it.each(PASSING_S3_FAULTS)(
    "end whole, nothing missing and nothing twice, when requests meet: %s",
    async (fault) => {
      const bucket = await freshLogsBucket();
      let count = 0;
      const proxy = await s3Proxy({ before: () => (count++ % 3 === 0 ? fault : undefined) });
      const logs = logsIn(bucket, { ...SMALL, ...through(proxy.url) });
      const whole = bytesOf(20_000);
      await appendInSteps(logs, whole, 1000);
      expect(Buffer.compare(await readAll(logs), whole)).toBe(0);
      await logs.complete(JOB);
      expect(await objectsIn(bucket)).toEqual([[key(0), 20_000]]);
      await logs.remove(JOB);
      expect(await objectsIn(bucket)).toEqual([]);
    },
  );

  it("are unavailable, and it is said why, when the bucket is missing or nobody answers", async () => {
    const impatient = { patienceMs: 100 };
    const missing = logsIn("no-such-bucket-here", impatient);
    await expect(missing.append(JOB, 0, 0, Buffer.from("x"))).rejects.toMatchObject({
      code: "unavailable",
      message: "The object store is not available: a bucket that it should have is missing.",
    });
    const silent = logsIn("any", { ...impatient, ...through("http://127.0.0.1:1") });
    await expect(readAll(silent)).rejects.toMatchObject({ code: "unavailable" });
  });
});
