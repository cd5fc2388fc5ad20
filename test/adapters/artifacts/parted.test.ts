import { open, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createFileUploads } from "../../../adapters/artifacts/files/parted/uploads.ts";
import { createHmacSigner } from "../../../adapters/signer/hmac.ts";
import { scratchFolder } from "../../support/archives.ts";
import { bytesOf, gathered, inChunks } from "../../support/artifact-content.ts";
import { fileArtifacts } from "../../support/file-artifacts.ts";

const PART = 1024 * 1024;
const whole = bytesOf(2 * PART + 5);
const partOf = (number: number) => whole.slice((number - 1) * PART, number * PART);

async function begin() {
  const root = await scratchFolder();
  const config = {
    root,
    clock: { now: () => Date.now() },
    publicUrl: () => "",
    signer: createHmacSigner(new Uint8Array(32)),
  };
  const address = { bucket: "ims", key: "uploads/parted/u" };
  const draft = { id: "u", address, partBytes: PART };
  const uploads = createFileUploads(config);
  const upload = { ...draft, handle: await uploads.open(draft, { contentType: "application/gzip" }) };
  const artifacts = fileArtifacts(root);
  return {
    config,
    uploads,
    upload,
    folder: join(root, "uploads/u"),
    send: (number: number, bytes = partOf(number)) => uploads.takePart(upload, number, inChunks(bytes)),
    complete: async (by = uploads) => await by.assemble(upload, await by.parts(upload)),
    content: async () => await gathered((await artifacts.read(address))?.body),
  };
}

/** Other bytes than the part's, and then the connection breaks. */
async function* broken(): AsyncGenerator<Uint8Array> {
  yield bytesOf(PART / 2, 9);
  throw new Error("The line is cut.");
}

describe("parts in files", () => {
  it("stay as they were when one that is sent again breaks off", async () => {
    const { uploads, upload, send, complete, content, folder } = await begin();
    for (const number of [1, 2, 3]) await send(number);
    const before = await uploads.parts(upload);
    for (const number of [1, 2])
      await expect(uploads.takePart(upload, number, broken())).rejects.toThrow("The line is cut.");
    expect(await uploads.parts(upload)).toEqual(before);
    expect((await readdir(folder)).filter((name) => name.startsWith("spare"))).toEqual([]);
    await complete();
    expect((await content())?.equals(whole)).toBe(true);
  });

  it("are not there when the first one broke off, and can be sent again", async () => {
    const { uploads, upload, send, complete, content } = await begin();
    await expect(uploads.takePart(upload, 2, broken())).rejects.toThrow("The line is cut.");
    expect(await uploads.parts(upload)).toEqual([]);
    for (const number of [1, 2, 3]) await send(number);
    await complete();
    expect((await content())?.equals(whole)).toBe(true);
  });

  it("that went beyond the end leave nothing behind it", async () => {
    const { uploads, upload, send, complete, content } = await begin();
    await expect(uploads.takePart(upload, 9, broken())).rejects.toThrow("The line is cut.");
    for (const number of [1, 2, 3]) await send(number);
    expect(await complete()).toMatchObject({ size: whole.length });
    expect((await content())?.equals(whole)).toBe(true);
  });

  it("become an object that a process which is out of sight can no longer write into", async () => {
    const { send, complete, content, folder } = await begin();
    await symlink("elsewhere.1.1", join(folder, "claim-2"));
    const elsewhere = await open(join(folder, "data"), "r+");
    for (const number of [1, 2, 3]) await send(number);
    await complete();
    await elsewhere.write(bytesOf(PART, 9), 0, PART, PART);
    await elsewhere.close();
    expect((await content())?.equals(whole)).toBe(true);
    expect(await readdir(folder)).not.toContain("data");
  });

  it("are completed by another process, which has not seen them come", async () => {
    const { config, send, complete, content } = await begin();
    for (const number of [3, 1, 2]) await send(number);
    await complete(createFileUploads(config));
    expect((await content())?.equals(whole)).toBe(true);
  });

  it("cannot be those of an upload whose id is a path", async () => {
    const { uploads, upload } = await begin();
    const outside = { ...upload, id: "../../u" };
    await expect(uploads.parts(outside)).rejects.toMatchObject({ code: "not-found" });
    await expect(uploads.discard(outside)).rejects.toMatchObject({ code: "not-found" });
  });
});
