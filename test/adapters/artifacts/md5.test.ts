import { describe, expect, it } from "vitest";
import { createMd5Thread } from "../../../adapters/artifacts/files/md5.ts";
import { bytesOf, hexDigest } from "../../support/artifact-content.ts";

/** Memory of its own, because the thread takes it away. */
const owned = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

describe("the thread for MD5 sums", () => {
  it("computes many at the same time without mixing them up", async () => {
    const openMd5 = createMd5Thread();
    const contents = Array.from({ length: 8 }, (_, n) => bytesOf(100_000 + n, n));
    const sums = await Promise.all(
      contents.map(async (bytes) => {
        const md5 = openMd5();
        for (let at = 0; at < bytes.length; at += 10_000)
          await md5.update(owned(bytes.subarray(at, at + 10_000)));
        const sum = await md5.digest();
        md5.close();
        return sum;
      }),
    );
    expect(sums).toEqual(contents.map((bytes) => hexDigest("md5", bytes)));
  });

  it("takes updates without waiting in between, in their order", async () => {
    const md5 = createMd5Thread()();
    const updates = ["one", "two", "three"].map((text) => md5.update(owned(Buffer.from(text))));
    expect(await md5.digest()).toBe(hexDigest("md5", "onetwothree"));
    await Promise.all(updates);
    md5.close();
  });

  it("gives the memory back that it took", async () => {
    const md5 = createMd5Thread()();
    const bytes = owned(Buffer.from("text"));
    const back = await md5.update(bytes);
    expect([bytes.length, Buffer.from(back).toString()]).toEqual([0, "text"]);
    md5.close();
  });

  it("begins anew after a session that was closed before its end", async () => {
    const openMd5 = createMd5Thread();
    const first = openMd5();
    await first.update(owned(Buffer.from("given up")));
    first.close();
    const second = openMd5();
    await second.update(owned(Buffer.from("text")));
    expect(await second.digest()).toBe(hexDigest("md5", "text"));
    second.close();
  });
});
