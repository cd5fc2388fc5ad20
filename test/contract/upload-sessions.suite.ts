import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { PARTED_PREFIX } from "../../core/artifacts/staging.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { ArtifactAddress, Artifacts } from "../../core/ports/artifacts.ts";
import type { PartedUpload, UploadSessions } from "../../core/ports/upload-sessions.ts";
import { bytesOf, gathered, hexDigest } from "../support/artifact-content.ts";

export interface OpenUploads {
  readonly artifacts: Artifacts;
  readonly uploads: UploadSessions;
  /** Puts bytes to a part's URL, as a client does; the answer's status. */
  readonly put: (url: string, bytes: Uint8Array<ArrayBuffer>) => Promise<number>;
  readonly bucket: string;
}

/** The least that every store takes for a part that is not the last. */
const PART = 5 * 1024 * 1024;
const failsWith = (code: ErrorCode) => expect.objectContaining({ name: "DomainError", code });
const optionsOf = { contentType: "application/gzip", metadata: { origin: "suite" } };

/** What every store of uploads in parts must do. */
export function uploadSessionsContract(name: string, open: () => Promise<OpenUploads>): void {
  async function begin() {
    const store = await open();
    const id = randomUUID();
    const address: ArtifactAddress = { bucket: store.bucket, key: `${PARTED_PREFIX}${id}` };
    const draft = { id, address, partBytes: PART };
    const upload: PartedUpload = { ...draft, handle: await store.uploads.open(draft, optionsOf) };
    const send = async (number: number, bytes: Uint8Array<ArrayBuffer>): Promise<number> => {
      const [signed] = await store.uploads.signParts(upload, [number], 600);
      return await store.put(signed?.url ?? "", bytes);
    };
    const content = async () => await gathered((await store.artifacts.read(address))?.body);
    const complete = async (options?: Parameters<UploadSessions["assemble"]>[2]) =>
      await store.uploads.assemble(upload, await store.uploads.parts(upload), options);
    const pendingIds = async () =>
      (await Array.fromAsync(store.uploads.pending(store.bucket))).map((pending) => pending.id);
    return { ...store, upload, address, send, content, complete, pendingIds };
  }

  const whole = bytesOf(2 * PART + 1000);
  const partOf = (number: number) => whole.slice((number - 1) * PART, number * PART);
  const digests = { md5: hexDigest("md5", whole), sha256: hexDigest("sha256", whole) };

  describe(`${name} keep uploads in parts`, () => {
    it("that become one object, whichever part came first, with digests and facts", async () => {
      const { send, complete, content, address, artifacts } = await begin();
      await Promise.all([send(3, partOf(3)), send(1, partOf(1))]);
      await send(2, partOf(2));
      expect(await artifacts.stat(address)).toBeUndefined();
      const info = await complete({ expect: { size: whole.length, ...digests } });
      expect(info).toMatchObject({
        ...address,
        size: whole.length,
        ...digests,
        contentType: "application/gzip",
      });
      expect(info.metadata).toMatchObject({ origin: "suite" });
      expect(await artifacts.stat(address)).toEqual(info);
      expect((await content())?.equals(whole)).toBe(true);
    });

    it("that have the parts which came, with size and ETag", async () => {
      const { send, uploads, upload } = await begin();
      expect(await uploads.parts(upload)).toEqual([]);
      expect(await send(2, partOf(2))).toBeLessThan(300);
      await send(1, partOf(1));
      expect(await uploads.parts(upload)).toEqual([
        { number: 1, size: PART, etag: hexDigest("md5", partOf(1)) },
        { number: 2, size: PART, etag: hexDigest("md5", partOf(2)) },
      ]);
    });

    it("where a part that is sent again replaces the one before", async () => {
      const { send, complete, content } = await begin();
      await send(1, partOf(2));
      await send(2, partOf(3));
      await send(1, partOf(1));
      await send(2, partOf(2));
      await send(3, partOf(3));
      await send(2, partOf(2));
      expect(await complete()).toMatchObject(digests);
      expect((await content())?.equals(whole)).toBe(true);
    });

    it("where of two that send one part at once one counts, whole", async () => {
      const { send, complete, content } = await begin();
      const [some, others] = [bytesOf(PART, 5), bytesOf(PART, 6)];
      await Promise.all([send(1, some), send(1, others), send(1, some), send(1, others)]);
      const info = await complete();
      expect([hexDigest("sha256", some), hexDigest("sha256", others)]).toContain(info.sha256);
      expect(hexDigest("sha256", (await content()) ?? "")).toBe(info.sha256);
    });

    it("that are as they were when they are opened once more", async () => {
      const { send, complete, content, uploads, upload, address, pendingIds } = await begin();
      await send(1, partOf(3));
      const { id, partBytes } = upload;
      const handle = await uploads.open({ id, address, partBytes }, optionsOf);
      expect((await uploads.parts(upload))?.map(({ number }) => number)).toEqual([1]);
      if (handle !== upload.handle) await uploads.discard({ id, address, handle });
      await complete();
      expect((await content())?.equals(partOf(3))).toBe(true);
      await uploads.discard(upload);
      expect(await pendingIds()).toEqual([]);
    });

    it("of a single small part too", async () => {
      const { send, complete, content } = await begin();
      await send(1, bytesOf(10));
      expect(await complete()).toMatchObject({ size: 10, sha256: hexDigest("sha256", bytesOf(10)) });
      expect((await content())?.equals(bytesOf(10))).toBe(true);
    });

    it("completed by several at once, and again, as the same object", async () => {
      const { send, complete, uploads, upload, artifacts, address } = await begin();
      for (const number of [1, 2, 3]) await send(number, partOf(number));
      const parts = await uploads.parts(upload);
      const [first, second] = await Promise.all([
        uploads.assemble(upload, parts, {}),
        uploads.assemble(upload, parts, {}),
      ]);
      expect(second).toEqual(first);
      expect(await uploads.parts(upload)).toBeUndefined();
      expect(await complete()).toEqual(first);
      expect(await artifacts.stat(address)).toEqual(first);
    });

    it("that make no object of other bytes than were announced", async () => {
      for (const expected of [{ sha256: "0".repeat(64) }, { md5: "0".repeat(32) }, { size: 11 }]) {
        const { send, complete, uploads, upload, artifacts, address } = await begin();
        await send(1, bytesOf(10));
        await expect(complete({ expect: expected })).rejects.toEqual(failsWith("invalid"));
        await uploads.discard(upload);
        expect(await artifacts.stat(address)).toBeUndefined();
      }
    });

    it("completed only as they were listed", async () => {
      const { send, uploads, upload } = await begin();
      await send(1, bytesOf(10));
      const parts = await uploads.parts(upload);
      await send(1, bytesOf(11));
      await expect(uploads.assemble(upload, parts, {})).rejects.toEqual(failsWith("lost-race"));
    });

    it("of which nothing is left once they are discarded", async () => {
      const { send, complete, uploads, upload, pendingIds, artifacts, address } = await begin();
      await send(1, bytesOf(10));
      expect(await pendingIds()).toContain(upload.id);
      await uploads.discard(upload);
      await uploads.discard(upload);
      expect(await pendingIds()).not.toContain(upload.id);
      expect(await send(1, bytesOf(10))).toBe(404);
      await expect(complete()).rejects.toEqual(failsWith("not-found"));
      expect(await artifacts.stat(address)).toBeUndefined();
    });

    it("that are discarded without the object that they have become", async () => {
      const { send, complete, uploads, upload, pendingIds, artifacts, address } = await begin();
      await send(1, bytesOf(10));
      const info = await complete();
      await uploads.discard(upload);
      expect(await pendingIds()).not.toContain(upload.id);
      expect(await artifacts.stat(address)).toEqual(info);
      const moved = await artifacts.move(address, { ...address, key: "moved" });
      expect(moved).toMatchObject({ etag: info.etag, sha256: info.sha256 ?? "" });
    });

    it("whose URLs are good for their own part and as long as they say", async () => {
      const { uploads, upload, put } = await begin();
      const signed = await uploads.signParts(upload, [1, 2], 600);
      expect(signed.map(({ number }) => number)).toEqual([1, 2]);
      expect(new Set(signed.map(({ url }) => url)).size).toBe(2);
      const tampered = signed.map(({ url }) => url.replace(/(?<=ignature=)[^&]{6}/u, "abcdef"));
      const exchanged = signed.map(({ url }) =>
        url.replace(/partNumber=\d|(?<=signed-parts\/[^/]+)\/\d/u, (found) => found.replace(/\d/u, "3")),
      );
      for (const url of [...tampered, ...exchanged]) expect(await put(url, bytesOf(10))).toBe(403);
      expect(await uploads.parts(upload)).toEqual([]);
    });

    it("whose URLs are for parts that there can be, and last a week at most", async () => {
      const { uploads, upload } = await begin();
      for (const lifetime of [0, 1.5, 604_801])
        await expect(uploads.signParts(upload, [1], lifetime)).rejects.toEqual(failsWith("invalid"));
      for (const number of [0, -1, 1.5, 10_001])
        await expect(uploads.signParts(upload, [number], 60)).rejects.toEqual(failsWith("invalid"));
    });
  });
}
