import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../core/errors.ts";
import type { JobLogs } from "../../core/ports/job-logs.ts";
import { bytesOf } from "../support/artifact-content.ts";

const JOB = "0b5b0e5e-5d0f-4f0c-9b0a-1d2e3f405162";
const OTHER_JOB = "ffffffff-5d0f-4f0c-9b0a-1d2e3f405162";

const failsWith = (code: ErrorCode) => expect.objectContaining({ name: "DomainError", code });
const bytes = (text: string): Uint8Array => Buffer.from(text);

async function textOf(logs: JobLogs, offset?: number, job = JOB): Promise<string> {
  return Buffer.concat(await Array.fromAsync(logs.read(job, offset))).toString();
}

/** Every promise of the port, for any store of logs. `open` makes an empty one. */
export function jobLogsContract(name: string, open: () => Promise<JobLogs>): void {
  describe(`job logs in ${name}`, () => {
    it("gives back what was appended, piece by piece", async () => {
      const logs = await open();
      expect(await logs.append(JOB, 0, 0, bytes("one\n"))).toBe(4);
      expect(await logs.append(JOB, 0, 4, bytes("two\n"))).toBe(8);
      expect(await logs.append(JOB, 0, 8, bytes(""))).toBe(8);
      expect(await textOf(logs)).toBe("one\ntwo\n");
      expect(await logs.size(JOB, 0)).toBe(8);
      expect(await logs.totalSize(JOB)).toBe(8);
    });

    it("has nothing of a job that never wrote", async () => {
      const logs = await open();
      await logs.append(OTHER_JOB, 0, 0, bytes("other"));
      expect(await textOf(logs)).toBe("");
      expect(await logs.size(JOB, 0)).toBe(0);
      expect(await logs.totalSize(JOB)).toBe(0);
      await expect(logs.remove(JOB)).resolves.toBeUndefined();
    });

    it("changes nothing when an append is repeated", async () => {
      const logs = await open();
      await logs.append(JOB, 0, 0, bytes("one\n"));
      await logs.append(JOB, 0, 4, bytes("two\n"));
      expect(await logs.append(JOB, 0, 4, bytes("two\n"))).toBe(8);
      expect(await logs.append(JOB, 0, 0, bytes("one\n"))).toBe(8);
      expect(await textOf(logs)).toBe("one\ntwo\n");
    });

    it("takes of an append that overlaps only what is new, and leaves what is there as it was", async () => {
      const logs = await open();
      await logs.append(JOB, 0, 0, bytes("one\ntw"));
      expect(await logs.append(JOB, 0, 4, bytes("TWo\n"))).toBe(8);
      expect(await textOf(logs)).toBe("one\ntwo\n");
    });

    it("refuses a gap and stores nothing of what lies beyond", async () => {
      const logs = await open();
      await expect(logs.append(JOB, 0, 1, bytes("x"))).rejects.toEqual(failsWith("conflict"));
      await logs.append(JOB, 0, 0, bytes("one"));
      await expect(logs.append(JOB, 0, 4, bytes("x"))).rejects.toEqual(failsWith("conflict"));
      await expect(logs.append(JOB, 0, 4, bytes(""))).rejects.toEqual(failsWith("conflict"));
      expect(await textOf(logs)).toBe("one");
    });

    it("reads the streams as one log in their order, whichever was written first", async () => {
      const logs = await open();
      for (const stream of [10, 2, 0, 1]) await logs.append(JOB, stream, 0, bytes(`<${stream}>`));
      await logs.append(JOB, 0, 3, bytes("+"));
      expect(await textOf(logs)).toBe("<0>+<1><2><10>");
      expect(await logs.size(JOB, 0)).toBe(4);
      expect(await logs.size(JOB, 10)).toBe(4);
      expect(await logs.size(JOB, 5)).toBe(0);
      expect(await logs.streams(JOB)).toEqual(
        [0, 1, 2, 10].map((stream) => ({ stream, size: stream === 10 || stream === 0 ? 4 : 3 })),
      );
      expect(await logs.streams(OTHER_JOB)).toEqual([]);
      expect(await logs.totalSize(JOB)).toBe(14);
    });

    it("reads from any offset of the whole log", async () => {
      const logs = await open();
      const whole = "first\nsecond\n";
      await logs.append(JOB, 0, 0, bytes("first\n"));
      await logs.append(JOB, 1, 0, bytes(""));
      await logs.append(JOB, 3, 0, bytes("second\n"));
      for (let offset = 0; offset <= whole.length + 2; offset++)
        expect(await textOf(logs, offset)).toBe(whole.slice(offset));
    });

    it("reads no more than was asked for, across the streams", async () => {
      const logs = await open();
      const whole = "first\nsecond\nthird\n";
      for (const [stream, text] of ["first\n", "second\n", "third\n"].entries())
        await logs.append(JOB, stream, 0, bytes(text));
      for (let offset = 0; offset <= whole.length; offset++)
        for (let length = 0; length <= whole.length + 1; length++) {
          const read = Buffer.concat(await Array.fromAsync(logs.read(JOB, offset, length)));
          expect(read.toString()).toBe(whole.slice(offset, offset + length));
        }
    });

    it("lists the jobs that have a log", async () => {
      const logs = await open();
      expect(await Array.fromAsync(logs.list())).toEqual([]);
      await logs.append(JOB, 0, 0, bytes("one"));
      await logs.append(JOB, 1, 0, bytes("two"));
      await logs.append(OTHER_JOB, 0, 0, bytes("other"));
      expect((await Array.fromAsync(logs.list())).toSorted()).toEqual([JOB, OTHER_JOB].toSorted());
      await logs.remove(JOB);
      expect(await Array.fromAsync(logs.list())).toEqual([OTHER_JOB]);
    });

    it("reads what was added while it was read", async () => {
      const logs = await open();
      const [first, second] = [bytesOf(700_000, 1), bytesOf(300_000, 2)];
      await logs.append(JOB, 0, 0, first);
      const read = await Array.fromAsync(logs.read(JOB));
      await logs.append(JOB, 0, first.length, second);
      const rest = await Array.fromAsync(logs.read(JOB, first.length));
      expect(Buffer.compare(Buffer.concat([...read, ...rest]), Buffer.concat([first, second]))).toBe(0);
    });

    it("keeps bytes that are no text", async () => {
      const logs = await open();
      const odd = Uint8Array.of(0, 255, 10, 13, 0xc3, 0x28, 0);
      await logs.append(JOB, 0, 0, odd);
      expect(Buffer.concat(await Array.fromAsync(logs.read(JOB)))).toEqual(Buffer.from(odd));
    });

    it("ends whole when several append the same bytes at the same time", async () => {
      const logs = await open();
      const whole = bytesOf(200_000);
      const sender = async (step: number) => {
        for (let at = 0; at < whole.length; at += step)
          await logs.append(JOB, 0, at, whole.subarray(at, at + step));
      };
      await Promise.all([sender(10_007), sender(20_011), sender(65_536), sender(200_000)]);
      expect(await logs.size(JOB, 0)).toBe(whole.length);
      expect(Buffer.compare(Buffer.concat(await Array.fromAsync(logs.read(JOB))), whole)).toBe(0);
    });

    it("reads the same before and after a log is complete, and takes what comes nevertheless", async () => {
      const logs = await open();
      const whole = bytesOf(900_000);
      const half = 450_000;
      for (let at = 0; at < half; at += 50_000)
        await logs.append(JOB, 0, at, whole.subarray(at, at + 50_000));
      await logs.append(JOB, 1, 0, bytes("second"));
      await logs.complete(JOB);
      await logs.complete(JOB);
      for (let at = half; at < whole.length; at += 50_000)
        expect(await logs.append(JOB, 0, at, whole.subarray(at, at + 50_000))).toBe(at + 50_000);
      await logs.complete(JOB);
      const read = Buffer.concat(await Array.fromAsync(logs.read(JOB)));
      expect(Buffer.compare(read, Buffer.concat([whole, bytes("second")]))).toBe(0);
      expect(await logs.size(JOB, 0)).toBe(whole.length);
      await expect(logs.complete(OTHER_JOB)).resolves.toBeUndefined();
    });

    it("can be left in the middle of reading", async () => {
      const logs = await open();
      await logs.append(JOB, 0, 0, bytesOf(1_000_000));
      for await (const chunk of logs.read(JOB)) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      await logs.remove(JOB);
      expect(await textOf(logs)).toBe("");
    });

    it("removes all streams of one job and nothing of another, and begins anew", async () => {
      const logs = await open();
      await logs.append(JOB, 0, 0, bytes("one"));
      await logs.append(JOB, 1, 0, bytes("two"));
      await logs.append(OTHER_JOB, 0, 0, bytes("other"));
      await logs.remove(JOB);
      await logs.remove(JOB);
      expect(await logs.totalSize(JOB)).toBe(0);
      expect(await textOf(logs, 0, OTHER_JOB)).toBe("other");
      expect(await logs.append(JOB, 0, 0, bytes("new"))).toBe(3);
    });

    it.each(["", ".", "..", "../other", `${JOB}/..`, `${JOB}\0`, `${JOB}\n`, JOB.toUpperCase(), "job"])(
      "refuses %j as a job's id",
      async (job) => {
        const logs = await open();
        for (const asked of [
          () => logs.append(job, 0, 0, bytes("x")),
          () => logs.size(job, 0),
          () => logs.streams(job),
          () => logs.totalSize(job),
          () => textOf(logs, 0, job),
          () => logs.complete(job),
          () => logs.remove(job),
        ])
          await expect(asked()).rejects.toEqual(failsWith("invalid"));
      },
    );

    it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
      "refuses %d as a stream, an offset or a length",
      async (bad) => {
        const logs = await open();
        await expect(logs.append(JOB, bad, 0, bytes("x"))).rejects.toEqual(failsWith("invalid"));
        await expect(logs.append(JOB, 0, bad, bytes("x"))).rejects.toEqual(failsWith("invalid"));
        await expect(logs.size(JOB, bad)).rejects.toEqual(failsWith("invalid"));
        await expect(textOf(logs, bad)).rejects.toEqual(failsWith("invalid"));
        await expect(Array.fromAsync(logs.read(JOB, 0, bad))).rejects.toEqual(failsWith("invalid"));
      },
    );
  });
}
