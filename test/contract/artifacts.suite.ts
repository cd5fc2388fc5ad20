import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../core/errors.ts";
import type { ArtifactAddress, Artifacts, WriteOptions } from "../../core/ports/artifacts.ts";
import { bytesOf, gathered, hexDigest, inChunks, textSource } from "../support/artifact-content.ts";

export interface OpenArtifacts {
  readonly artifacts: Artifacts;
  /** The clock the adapter sees, in milliseconds. */
  readonly time: { now: number };
}

const MIB = 1024 * 1024;

const failsWith = (code: ErrorCode) => expect.objectContaining({ name: "DomainError", code });
const inIms = (key: string): ArtifactAddress => ({ bucket: "ims", key });

/** Keys that would be a way out, or into each other's place, if they were taken for paths. */
export const HOSTILE_KEYS = [
  "../../etc/passwd",
  "..",
  ".",
  "a/../b",
  "a/./b",
  "a//b",
  "a/b",
  "a",
  "a/",
  "/a",
  "A",
  "a%2Fb",
  "a%252Fb",
  "%",
  "a@",
  "a@/b",
  "a~",
  "a~/b",
  "a\\b",
  "a\0b",
  "a\nb",
  'a:b*?"<>|',
  " ",
  ".hidden",
  "con.txt",
  "ä",
  "a\u0308",
  "\u{1F469}\u200D\u{1F680}/\u{1F980}.img",
  "\uFFFF",
  "x".repeat(255),
  "x".repeat(256),
  "x".repeat(1024),
  `${"x".repeat(200)}..`,
  `${"x".repeat(200)}/..`,
  `${"Ä".repeat(300)}/${"\u{1F980}".repeat(50)}`,
  "d/".repeat(500),
  `a${"/".repeat(1023)}`,
];

/** Every promise of the port, for any store of objects. `open` makes an empty one. */
export function artifactsContract(name: string, open: () => Promise<OpenArtifacts>): void {
  const fresh = async () => (await open()).artifacts;

  const contentAt = async (artifacts: Artifacts, key: string) =>
    (await gathered((await artifacts.read(inIms(key)))?.body))?.toString("latin1");
  const put = (artifacts: Artifacts, key: string, text: string, options?: WriteOptions) =>
    artifacts.write(inIms(key), textSource(text), options);
  const keysOf = async (artifacts: Artifacts, prefix: string, bucket = "ims") =>
    (await Array.fromAsync(artifacts.list(bucket, prefix))).map(({ key }) => key);

  describe(`artifacts in ${name}: writing and reading`, () => {
    it.each([0, 1, 65_536, MIB - 1, MIB, MIB + 1, 9 * MIB + 17])(
      "gives back all of %i bytes, with their size and digests",
      async (size) => {
        const artifacts = await fresh();
        const bytes = bytesOf(size);
        const info = await artifacts.write(inIms("some/object"), inChunks(bytes));
        expect(info).toMatchObject({
          ...inIms("some/object"),
          size,
          etag: expect.stringMatching(/^[0-9a-f]{32}(?:-\d+)?$/u),
          md5: hexDigest("md5", bytes),
          sha256: hexDigest("sha256", bytes),
        });
        expect(await artifacts.stat(inIms("some/object"))).toEqual(info);
        const found = await artifacts.read(inIms("some/object"));
        expect(found?.info).toEqual(info);
        expect(Buffer.compare((await gathered(found?.body)) ?? Buffer.of(0), bytes)).toBe(0);
      },
    );

    it("takes chunks of any size, empty ones too, from a source that uses its buffer again", async () => {
      const artifacts = await fresh();
      const sizes = [3 * MIB + 5, 0, 1, 70_000, 1, 0, 5 * MIB, 4096];
      const buffer = new Uint8Array(5 * MIB);
      async function* reusing() {
        for (const [index, size] of sizes.entries()) yield buffer.subarray(0, size).fill(index + 1);
      }
      const whole = Buffer.concat(sizes.map((size, index) => Buffer.alloc(size, index + 1)));
      const info = await artifacts.write(inIms("a"), reusing());
      expect(info).toMatchObject({ size: whole.length, sha256: hexDigest("sha256", whole) });
      expect(Buffer.compare((await gathered((await artifacts.read(inIms("a")))?.body)) ?? whole, whole)).toBe(
        0,
      );
    });

    it("answers undefined for what is not there", async () => {
      const artifacts = await fresh();
      await put(artifacts, "a/b", "1");
      for (const key of ["a", "a/b/c", "b", "a/"]) {
        expect(await artifacts.stat(inIms(key))).toBeUndefined();
        expect(await artifacts.read(inIms(key))).toBeUndefined();
      }
      expect(await artifacts.stat({ bucket: "boot-images", key: "a/b" })).toBeUndefined();
    });

    it("keeps content type, metadata with lower-case names, and the time of the write", async () => {
      const { artifacts, time } = await open();
      time.now = Date.parse("2026-02-03T04:05:06.789Z");
      const metadata = { MD5Sum: "x", "x-shasta-ims-name": "Grüße\n\u{1F980}" };
      await put(artifacts, "a", "1", { contentType: "text/plain; charset=utf-8", metadata });
      time.now += 1000;
      expect(await artifacts.stat(inIms("a"))).toMatchObject({
        contentType: "text/plain; charset=utf-8",
        metadata: { md5sum: "x", "x-shasta-ims-name": "Grüße\n\u{1F980}" },
        modified: "2026-02-03T04:05:06.789Z",
      });
    });

    it("has a content type and no metadata when none is given", async () => {
      const artifacts = await fresh();
      expect(await put(artifacts, "a", "1")).toMatchObject({
        contentType: "application/octet-stream",
        metadata: {},
      });
    });

    it("takes 1,792 bytes of metadata and refuses more, as many as a header has of it", async () => {
      const artifacts = await fresh();
      for (const most of ["v".repeat(1791), "\u0001".repeat(594)]) {
        const info = await put(artifacts, "a", "1", { metadata: { n: most } });
        expect(await artifacts.stat(inIms("a"))).toEqual(info);
        await expect(put(artifacts, "b", "1", { metadata: { n: `${most}vvv` } })).rejects.toEqual(
          failsWith("invalid"),
        );
      }
    });

    it.each(["", "a b", "ä", "a:b", "ims-content"])("refuses metadata with the name %j", async (metaName) => {
      const artifacts = await fresh();
      await expect(put(artifacts, "a", "1", { metadata: { [metaName]: "1" } })).rejects.toEqual(
        failsWith("invalid"),
      );
    });

    it("replaces content, type and metadata as a whole", async () => {
      const artifacts = await fresh();
      await put(artifacts, "a", "a longer text", { contentType: "text/plain", metadata: { one: "1" } });
      const info = await put(artifacts, "a", "short", { metadata: { two: "2" } });
      expect(await artifacts.stat(inIms("a"))).toEqual(info);
      expect(info).toMatchObject({
        size: 5,
        metadata: { two: "2" },
        contentType: "application/octet-stream",
      });
      expect(await contentAt(artifacts, "a")).toBe("short");
    });

    it("changes the ETag with the content", async () => {
      const artifacts = await fresh();
      const first = await put(artifacts, "a", "1");
      const second = await put(artifacts, "a", "2");
      expect(second.etag).not.toBe(first.etag);
    });

    it("says that it can be written", async () => {
      await expect((await fresh()).check()).resolves.toBeUndefined();
    });
  });

  describe(`artifacts in ${name}: ranges`, () => {
    const size = 3 * MIB + 11;
    const bytes = bytesOf(size);

    it.each([
      ["the first byte", 0, 0],
      ["the last byte", size - 1, size - 1],
      ["all bytes", 0, size - 1],
      ["some in the middle", MIB - 1, 2 * MIB + 1],
    ])("reads %s", async (_, start, end) => {
      const artifacts = await fresh();
      await artifacts.write(inIms("a"), inChunks(bytes));
      const found = await artifacts.read(inIms("a"), { start, end });
      expect(found?.info.size).toBe(size);
      const wanted = bytes.subarray(start, end + 1);
      expect(Buffer.compare((await gathered(found?.body)) ?? Buffer.of(), wanted)).toBe(0);
    });

    it.each([
      ["begins at the end", 4, 4],
      ["goes beyond the end", 0, 4],
      ["is the wrong way round", 2, 1],
      ["begins before the start", -1, 2],
      ["is no number", Number.NaN, 2],
      ["is no whole number", 0.5, 2],
    ])("refuses a range that %s", async (_, start, end) => {
      const artifacts = await fresh();
      await put(artifacts, "a", "1234");
      await expect(artifacts.read(inIms("a"), { start, end })).rejects.toEqual(
        failsWith("range-not-satisfiable"),
      );
    });

    it("refuses any range of an empty object, but answers undefined where there is no object", async () => {
      const artifacts = await fresh();
      await put(artifacts, "empty", "");
      await expect(artifacts.read(inIms("empty"), { start: 0, end: 0 })).rejects.toEqual(
        failsWith("range-not-satisfiable"),
      );
      expect(await artifacts.read(inIms("none"), { start: 0, end: 0 })).toBeUndefined();
    });
  });

  describe(`artifacts in ${name}: writes that store nothing`, () => {
    const text = "the new content";
    const right = { size: 15, md5: hexDigest("md5", text), sha256: hexDigest("sha256", text) };

    it.each([
      ["size is smaller", { ...right, size: 14 }],
      ["size is larger", { ...right, size: 16 }],
      ["md5 differs", { ...right, md5: hexDigest("md5", "other") }],
      ["sha256 differs", { ...right, sha256: hexDigest("sha256", "other") }],
    ])("refuses content whose announced %s, and keeps the old object", async (_, expected) => {
      const artifacts = await fresh();
      const old = await put(artifacts, "a", "old");
      await expect(put(artifacts, "a", text, { expect: expected })).rejects.toEqual(failsWith("invalid"));
      await expect(put(artifacts, "new", text, { expect: expected })).rejects.toEqual(failsWith("invalid"));
      expect(await artifacts.stat(inIms("a"))).toEqual(old);
      expect(await contentAt(artifacts, "a")).toBe("old");
      expect(await keysOf(artifacts, "")).toEqual(["a"]);
    });

    it("takes content that is as announced", async () => {
      const artifacts = await fresh();
      await put(artifacts, "a", text, { expect: right });
      await put(artifacts, "empty", "", { expect: { size: 0 } });
      expect(await keysOf(artifacts, "")).toEqual(["a", "empty"]);
    });

    it("keeps the old object when the source throws midway, and throws the source's own error", async () => {
      const artifacts = await fresh();
      await put(artifacts, "a", "old");
      const reason = new Error("the client went away");
      async function* broken() {
        yield* inChunks(bytesOf(5 * MIB));
        throw reason;
      }
      await expect(artifacts.write(inIms("a"), broken())).rejects.toBe(reason);
      await expect(artifacts.write(inIms("b"), broken())).rejects.toBe(reason);
      expect(await contentAt(artifacts, "a")).toBe("old");
      expect(await keysOf(artifacts, "")).toEqual(["a"]);
    });

    it("takes as many bytes as allowed, and not one more", async () => {
      const artifacts = await fresh();
      await put(artifacts, "a", "1234", { maxBytes: 4 });
      await expect(put(artifacts, "a", "12345", { maxBytes: 4 })).rejects.toEqual(failsWith("too-large"));
      expect(await contentAt(artifacts, "a")).toBe("1234");
    });

    it("leaves a source without end as soon as it has given too much", async () => {
      const artifacts = await fresh();
      const seen = { left: false };
      async function* endless() {
        try {
          for (;;) yield new Uint8Array(1000);
        } finally {
          seen.left = true;
        }
      }
      await expect(artifacts.write(inIms("a"), endless(), { maxBytes: 5 * MIB })).rejects.toEqual(
        failsWith("too-large"),
      );
      expect(seen.left).toBe(true);
      await expect(artifacts.write(inIms("a"), endless(), { expect: { size: 5000 } })).rejects.toEqual(
        failsWith("invalid"),
      );
      expect(await artifacts.stat(inIms("a"))).toBeUndefined();
    });

    it("asked to keep what exists, takes a free address and equal content, and refuses other content", async () => {
      const artifacts = await fresh();
      const keepExisting = true;
      const first = await put(artifacts, "a", "1", { keepExisting, contentType: "text/plain" });
      expect(await put(artifacts, "a", "1", { keepExisting, metadata: { other: "1" } })).toEqual(first);
      await expect(put(artifacts, "a", "2", { keepExisting })).rejects.toEqual(failsWith("conflict"));
      await expect(put(artifacts, "a", "11", { keepExisting })).rejects.toEqual(failsWith("conflict"));
      expect(await artifacts.stat(inIms("a"))).toEqual(first);
      expect(await contentAt(artifacts, "a")).toBe("1");
    });
  });

  describe(`artifacts in ${name}: addresses`, () => {
    it("takes any text as a key, each its own object", async () => {
      const artifacts = await fresh();
      await Promise.all(HOSTILE_KEYS.map((key) => put(artifacts, key, `content of ${key}`)));
      for (const key of HOSTILE_KEYS) {
        expect((await artifacts.stat(inIms(key)))?.key).toBe(key);
        expect(await contentAt(artifacts, key)).toBe(Buffer.from(`content of ${key}`).toString("latin1"));
      }
      const sorted = [...HOSTILE_KEYS].sort((a, b) => (a < b ? -1 : 1));
      expect(await keysOf(artifacts, "")).toEqual(sorted);
      await Promise.all(HOSTILE_KEYS.map((key) => artifacts.remove(inIms(key))));
      expect(await keysOf(artifacts, "")).toEqual([]);
    });

    it.each([
      ["an empty key", "ims", ""],
      ["a key of a slash", "ims", "/"],
      ["a key of slashes", "ims", "//"],
      ["a key of more than 1,024 bytes", "ims", "x".repeat(1025)],
      ["a key of more than 1,024 bytes in fewer characters", "ims", "ä".repeat(513)],
      ["a key that is not well-formed", "ims", "a\uD800b"],
      ["an empty bucket name", "", "a"],
      ["a bucket name that leads up", "..", "a"],
      ["a bucket name with dots together", "a..b", "a"],
      ["a bucket name with a slash", "a/b", "a"],
      ["a bucket name in upper case", "Images", "a"],
      ["a bucket name that is too short", "ab", "a"],
      ["a bucket name that is too long", "a".repeat(64), "a"],
      ["a bucket name with a line feed", "abc\n", "a"],
    ])("refuses %s, whatever is asked", async (_, bucket, key) => {
      const artifacts = await fresh();
      const bad = { bucket, key };
      await put(artifacts, "good", "1");
      for (const asked of [
        () => artifacts.stat(bad),
        () => artifacts.read(bad),
        () => artifacts.write(bad, textSource("1")),
        () => artifacts.move(bad, inIms("b")),
        () => artifacts.move(inIms("good"), bad),
        () => artifacts.remove(bad),
        () => artifacts.signUrl("GET", bad, 60),
      ])
        await expect(asked()).rejects.toEqual(failsWith("invalid"));
      expect(await keysOf(artifacts, "")).toEqual(["good"]);
    });

    it("refuses to list a bucket that cannot be, and finds nothing in one that is not there", async () => {
      const artifacts = await fresh();
      await expect(keysOf(artifacts, "", "../ims")).rejects.toEqual(failsWith("invalid"));
      await expect(keysOf(artifacts, "a\uD800")).rejects.toEqual(failsWith("invalid"));
      expect(await keysOf(artifacts, "", "not-there")).toEqual([]);
    });

    it("keeps buckets apart", async () => {
      const artifacts = await fresh();
      await put(artifacts, "a", "1");
      await artifacts.write({ bucket: "boot-images", key: "a" }, textSource("2"));
      await artifacts.remove({ bucket: "boot-images", key: "a" });
      expect(await contentAt(artifacts, "a")).toBe("1");
    });
  });

  describe(`artifacts in ${name}: listing`, () => {
    it("lists all of hundreds of objects by prefix, in order, with what is known of each", async () => {
      const artifacts = await fresh();
      const keys = Array.from(
        { length: 400 },
        (_, n) => `images/${n % 7}/${n}${n % 3 === 0 ? "/rootfs" : "-x"}`,
      );
      const infos = await Promise.all(keys.map((key) => put(artifacts, key, key)));
      const sorted = infos.sort((a, b) => (a.key < b.key ? -1 : 1));
      expect(await Array.fromAsync(artifacts.list("ims", ""))).toEqual(sorted);
      expect(await Array.fromAsync(artifacts.list("ims", "images/3/1"))).toEqual(
        sorted.filter(({ key }) => key.startsWith("images/3/1")),
      );
    });

    it("takes a prefix as text, not as a folder", async () => {
      const artifacts = await fresh();
      const keys = ["ab", "ab/c", "ab/c/d", "abc", "a/b", "b"];
      await Promise.all(keys.map((key) => put(artifacts, key, key)));
      expect(await keysOf(artifacts, "ab")).toEqual(["ab", "ab/c", "ab/c/d", "abc"]);
      expect(await keysOf(artifacts, "ab/")).toEqual(["ab/c", "ab/c/d"]);
      expect(await keysOf(artifacts, "ab/c")).toEqual(["ab/c", "ab/c/d"]);
      expect(await keysOf(artifacts, "abcd")).toEqual([]);
      expect(await keysOf(artifacts, "../ims/ab")).toEqual([]);
    });

    it("finds by any prefix exactly the keys that start with it", async () => {
      const text = fc.string({
        unit: fc.constantFrom("a", "B", "/", ".", "-", "~", "@", "%", "é", "\u{1F980}", "\uFFEE"),
      });
      const key = fc.oneof(
        text.filter((some) => !/^\/*$/u.test(some)),
        fc.tuple(text, fc.integer({ min: 190, max: 420 }), text).map(([a, n, b]) => a + "x".repeat(n) + b),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(key, { minLength: 1, maxLength: 6 }),
          fc.nat(),
          fc.nat(),
          async (keys, which, length) => {
            const artifacts = await fresh();
            await Promise.all(keys.map((each) => put(artifacts, each, each)));
            const chosen = keys[which % keys.length] ?? "";
            const prefix = chosen.slice(0, length % (chosen.length + 1));
            fc.pre(prefix.isWellFormed());
            const wanted = keys.filter((each) => each.startsWith(prefix)).sort((a, b) => (a < b ? -1 : 1));
            expect(await keysOf(artifacts, prefix)).toEqual(wanted);
          },
        ),
        { numRuns: 40 },
      );
    });
  });

  describe(`artifacts in ${name}: moving and removing`, () => {
    it("moves an object with all that is known of it, across buckets", async () => {
      const artifacts = await fresh();
      const bytes = bytesOf(2 * MIB + 1);
      const options = { contentType: "application/x-squashfs", metadata: { md5sum: "abc" } };
      const before = await artifacts.write(inIms("a/rootfs"), inChunks(bytes), options);
      const target = { bucket: "boot-images", key: "deleted/a/rootfs" };
      const moved = await artifacts.move(inIms("a/rootfs"), target);
      expect(moved).toMatchObject({
        ...target,
        etag: before.etag,
        md5: before.md5,
        sha256: before.sha256,
        ...options,
      });
      expect(await artifacts.stat(target)).toEqual(moved);
      expect(await artifacts.stat(inIms("a/rootfs"))).toBeUndefined();
      expect(
        Buffer.compare((await gathered((await artifacts.read(target))?.body)) ?? Buffer.of(), bytes),
      ).toBe(0);
    });

    it("replaces what was at the target", async () => {
      const artifacts = await fresh();
      await put(artifacts, "a", "new");
      await put(artifacts, "b", "old and longer");
      await artifacts.move(inIms("a"), inIms("b"));
      expect(await contentAt(artifacts, "b")).toBe("new");
      expect(await keysOf(artifacts, "")).toEqual(["b"]);
    });

    it("answers undefined when there is nothing to move, and leaves the target alone", async () => {
      const artifacts = await fresh();
      await put(artifacts, "b", "1");
      expect(await artifacts.move(inIms("a"), inIms("b"))).toBeUndefined();
      expect(await artifacts.move(inIms("a"), inIms("c/d"))).toBeUndefined();
      expect(await keysOf(artifacts, "")).toEqual(["b"]);
    });

    it("leaves an object that is moved to where it is", async () => {
      const artifacts = await fresh();
      const info = await put(artifacts, "a", "1");
      expect(await artifacts.move(inIms("a"), inIms("a"))).toEqual(info);
      expect(await contentAt(artifacts, "a")).toBe("1");
    });

    it("moves an object below its own name and back", async () => {
      const artifacts = await fresh();
      await put(artifacts, "a", "1");
      await artifacts.move(inIms("a"), inIms("a/b/c"));
      await artifacts.move(inIms("a/b/c"), inIms("a"));
      expect(await keysOf(artifacts, "")).toEqual(["a"]);
    });

    it("removes an object, once or again", async () => {
      const artifacts = await fresh();
      await put(artifacts, "a/b", "1");
      await put(artifacts, "a/c", "2");
      await artifacts.remove(inIms("a/b"));
      await artifacts.remove(inIms("a/b"));
      await artifacts.remove(inIms("never/there"));
      expect(await keysOf(artifacts, "")).toEqual(["a/c"]);
    });
  });

  describe(`artifacts in ${name}: several at once`, () => {
    it("has one whole winner of many writers of one object", async () => {
      const artifacts = await fresh();
      const contents = Array.from({ length: 12 }, (_, n) => bytesOf(n * 300_000, n));
      const infos = await Promise.all(contents.map((bytes) => artifacts.write(inIms("a"), inChunks(bytes))));
      expect(infos.map(({ sha256 }) => sha256)).toEqual(contents.map((bytes) => hexDigest("sha256", bytes)));
      const found = await artifacts.read(inIms("a"));
      const body = (await gathered(found?.body)) ?? Buffer.of();
      expect(infos).toContainEqual(found?.info);
      expect(hexDigest("sha256", body)).toBe(found?.info.sha256);
    });

    it("lets one of many writers in that keep what exists, and tells the others", async () => {
      const artifacts = await fresh();
      const results = await Promise.allSettled(
        Array.from({ length: 10 }, (_, n) => put(artifacts, "deep/down/a", `${n}`, { keepExisting: true })),
      );
      const winners = results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
      const losers = results
        .filter((result) => result.status === "rejected")
        .map(({ reason }): unknown => reason);
      expect(winners).toEqual([await artifacts.stat(inIms("deep/down/a"))]);
      expect(losers).toEqual(losers.map(() => failsWith("conflict")));
    });

    it("goes on reading what it began to read when the object is replaced, moved or removed", async () => {
      const artifacts = await fresh();
      const [first, second] = [bytesOf(4 * MIB, 1), bytesOf(5 * MIB, 2)];
      await artifacts.write(inIms("a"), inChunks(first));
      const readers = [await artifacts.read(inIms("a")), await artifacts.read(inIms("a"))];
      const pieces: Uint8Array[] = [];
      for await (const piece of readers[0]?.body ?? []) {
        if (pieces.length === 0) {
          await artifacts.write(inIms("a"), inChunks(second));
          await artifacts.move(inIms("a"), inIms("b"));
          await artifacts.remove(inIms("b"));
        }
        pieces.push(Buffer.from(piece));
      }
      expect(Buffer.compare(Buffer.concat(pieces), first)).toBe(0);
      expect(Buffer.compare((await gathered(readers[1]?.body)) ?? Buffer.of(), first)).toBe(0);
    });

    it("shows readers only whole objects while they are replaced", async () => {
      const artifacts = await fresh();
      await artifacts.write(inIms("a"), inChunks(bytesOf(100_000)));
      const writing = { goesOn: true };
      const write = async () => {
        for (let n = 2; n < 20; n++) await artifacts.write(inIms("a"), inChunks(bytesOf(n * 50_000, n)));
        writing.goesOn = false;
      };
      const read = async () => {
        while (writing.goesOn) {
          const found = await artifacts.read(inIms("a"));
          const body = (await gathered(found?.body)) ?? Buffer.of();
          expect(hexDigest("sha256", body)).toBe(found?.info.sha256);
        }
      };
      await Promise.all([write(), read(), read()]);
    });

    it("writes, moves and removes side by side without getting in each other's way", async () => {
      const artifacts = await fresh();
      const life = async (n: number) => {
        const [key, trash] = [inIms(`live/${n % 3}/x/${n}`), inIms(`trash/${n % 3}/x/${n}`)];
        for (let round = 0; round < 6; round++) {
          await artifacts.write(key, textSource(`${n}`));
          expect(await artifacts.move(key, trash)).toMatchObject(trash);
          await artifacts.remove(trash);
        }
        await artifacts.write(key, textSource(`${n}`));
      };
      await Promise.all(Array.from({ length: 12 }, (_, n) => life(n)));
      expect(await keysOf(artifacts, "")).toHaveLength(12);
    });
  });

  describe(`artifacts in ${name}: signed URLs`, () => {
    it("says what they allow, and until when", async () => {
      const { artifacts, time } = await open();
      time.now = Date.parse("2026-02-03T04:05:06.789Z");
      expect(await artifacts.signUrl("GET", inIms("some/object"), 60)).toMatchObject({
        method: "GET",
        expires_at: "2026-02-03T04:06:06.000Z",
      });
      expect(await artifacts.signUrl("PUT", inIms("a"), 604_800)).toMatchObject({
        method: "PUT",
        expires_at: "2026-02-10T04:05:06.000Z",
      });
    });

    it.each(["..", ".", "a/../b", "a/./b", "../../etc/passwd", "a/.."])(
      "refuses %s: clients change a URL with such a key",
      async (key) => {
        const artifacts = await fresh();
        await expect(artifacts.signUrl("GET", inIms(key), 60)).rejects.toEqual(failsWith("invalid"));
      },
    );

    it.each([0, -1, 604_801, 1.5, Number.NaN])("refuses a lifetime of %d seconds", async (lifetime) => {
      const artifacts = await fresh();
      await expect(artifacts.signUrl("GET", inIms("a"), lifetime)).rejects.toEqual(failsWith("invalid"));
    });
  });
}
