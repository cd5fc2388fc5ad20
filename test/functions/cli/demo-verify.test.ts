import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DemoApi, DemoArtifact } from "../../../functions/cli/demo/parts.ts";
import { checkImage } from "../../../functions/cli/demo/verify.ts";

const digest = (kind: string, text: string) => createHash(kind).update(text).digest("hex");

function artifact(name: string, content: string, more: Partial<DemoArtifact> = {}): DemoArtifact {
  return {
    name,
    type: name,
    size: Buffer.byteLength(content),
    md5: digest("md5", content),
    sha256: digest("sha256", content),
    link: { path: `s3://boot-images/i/${name}`, etag: "e" },
    ...more,
  };
}

const parts = { rootfs: "the root", kernel: "the kernel", initrd: "" };

function manifestOf(contents: Readonly<Record<string, string>>): string {
  const artifacts = Object.entries(contents).map(([name, text]) => ({
    type: name,
    md5: digest("md5", text),
    link: { path: `s3://boot-images/i/${name}`, type: "s3", etag: "e" },
  }));
  return JSON.stringify({ version: "1.0", artifacts });
}

/** A service that has these contents and says this of them. */
function serving(contents: Readonly<Record<string, string>>, listed: readonly DemoArtifact[]): DemoApi {
  const never = () => Promise.reject(new Error("not part of this"));
  return {
    createPublicKey: never,
    createRecipe: never,
    putRecipeArchive: never,
    createJob: never,
    getJob: never,
    cancelJob: never,
    readJobLog: never,
    getImage: never,
    listArtifacts: async () => listed,
    readArtifact: async (_image, name) =>
      (async function* () {
        yield Buffer.from(contents[name] ?? "");
      })(),
  };
}

const whole = { ...parts, manifest: manifestOf(parts) };
const listing = Object.entries(whole).map(([name, text]) => artifact(name, text));

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ims-check-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const check = (api: DemoApi, keep?: string) =>
  checkImage(api, { imageId: "i", folder: keep, signal: new AbortController().signal });

describe("checking an image", () => {
  it("answers size and digests of every artifact as they were downloaded", async () => {
    const checked = await check(serving(whole, listing));
    expect(checked.map(({ name }) => name)).toEqual(["rootfs", "kernel", "initrd", "manifest"]);
    expect(checked[0]).toEqual({
      name: "rootfs",
      size: 8,
      md5: digest("md5", "the root"),
      sha256: digest("sha256", "the root"),
    });
  });

  it("keeps what is needed to boot, when there is a folder for it", async () => {
    await check(serving(whole, listing), folder);
    expect((await readdir(folder)).sort()).toEqual(["initrd", "kernel", "rootfs"]);
    expect(await readFile(join(folder, "kernel"), "utf8")).toBe("the kernel");
  });

  it("never makes a file of a name that it does not know", async () => {
    const evil = "../escaped";
    const contents = { ...parts, [evil]: "x" };
    const all = { ...contents, manifest: manifestOf(contents) };
    await check(
      serving(
        all,
        Object.entries(all).map(([name, text]) => artifact(name, text)),
      ),
      folder,
    );
    expect((await readdir(folder)).sort()).toEqual(["initrd", "kernel", "rootfs"]);
    expect(await readdir(join(folder, ".."))).not.toContain("escaped");
  });

  it.each(["rootfs", "kernel", "initrd", "manifest"])("finds that the %s is missing", async (name) => {
    const rest = listing.filter((one) => one.name !== name);
    await expect(check(serving(whole, rest))).rejects.toThrow(`not complete: it has no ${name}`);
  });

  it.each([
    ["size", { size: 9 }],
    ["md5", { md5: "0".repeat(32) }],
    ["sha256", { sha256: "0".repeat(64) }],
  ])("finds that the %s differs from what the service says", async (what, lie) => {
    const lied = listing.map((one) => (one.name === "rootfs" ? { ...one, ...lie } : one));
    await expect(check(serving(whole, lied))).rejects.toThrow(`rootfs: ${what} is`);
  });

  it("finds that the manifest names other content", async () => {
    const other = { ...parts, manifest: manifestOf({ ...parts, kernel: "another" }) };
    const said = Object.entries(other).map(([name, text]) => artifact(name, text));
    await expect(check(serving(other, said))).rejects.toThrow("does not name this kernel");
  });

  it("finds that the manifest names more than there is", async () => {
    const more = { ...parts, manifest: manifestOf({ ...parts, debug_kernel: "another" }) };
    const said = Object.entries(more).map(([name, text]) => artifact(name, text));
    await expect(check(serving(more, said))).rejects.toThrow("names 4 artifacts");
  });

  it("finds that the manifest is none", async () => {
    const broken = { ...parts, manifest: "{}" };
    const said = Object.entries(broken).map(([name, text]) => artifact(name, text));
    await expect(check(serving(broken, said))).rejects.toThrow("manifest is not one");
  });
});
