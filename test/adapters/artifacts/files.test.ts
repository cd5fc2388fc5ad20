import { appendFile, mkdir, readdir, readFile, readlink, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../../core/errors.ts";
import { scratchFolder } from "../../support/archives.ts";
import { bytesOf, gathered, inChunks, textSource } from "../../support/artifact-content.ts";
import { fileArtifacts, filesBelow } from "../../support/file-artifacts.ts";

const failsWith = (code: ErrorCode) => expect.objectContaining({ name: "DomainError", code });
const inIms = (key: string) => ({ bucket: "ims", key });

/** A store with one object, and the path of that object's file. */
async function oneObject(text: string) {
  const root = await scratchFolder();
  const artifacts = fileArtifacts(root);
  await artifacts.write(inIms("a/object"), textSource(text));
  return { root, artifacts, file: join(root, "objects/ims/a@/object") };
}

/** Files below the root that this process holds open. */
async function openBelow(root: string): Promise<string[]> {
  const links = await readdir("/proc/self/fd");
  const targets = await Promise.all(links.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(root));
}

describe("objects in files", () => {
  it("lie where one finds them, the content at the file's beginning", async () => {
    const { root, file } = await oneObject("the content");
    expect(await filesBelow(root)).toEqual(["objects/ims/a@/object"]);
    expect((await readFile(file, "latin1")).startsWith("the content{")).toBe(true);
  });

  it("are for the eyes of the service's user only", async () => {
    const { root, file } = await oneObject("secret");
    const modes = await Promise.all(
      [
        file,
        join(root, "objects/ims/a@"),
        join(root, "objects/ims"),
        join(root, "objects"),
        join(root, "incoming"),
      ].map(async (path) => ((await stat(path)).mode & 0o777).toString(8)),
    );
    expect(modes).toEqual(["600", "700", "700", "700", "700"]);
  });

  it("never touch anything outside the root, whatever the key", async () => {
    const outside = await scratchFolder();
    await writeFile(join(outside, "victim"), "safe");
    const artifacts = fileArtifacts(join(outside, "deep/root"));
    for (const key of [
      "../../victim",
      "../../../../victim",
      "/victim",
      `${outside}/victim`,
      "..",
      "a/../../../../victim",
    ]) {
      await artifacts.write(inIms(key), textSource("overwritten"));
      await artifacts.move(inIms(key), inIms(`${key}/../../../victim`));
      await artifacts.remove(inIms(key));
    }
    const found = await filesBelow(outside);
    expect(found.filter((path) => !path.startsWith("deep/root/objects/ims/"))).toEqual(["victim"]);
    expect(await readFile(join(outside, "victim"), "utf8")).toBe("safe");
  });

  it("leave no empty directories behind when the last of them goes", async () => {
    const { root, artifacts } = await oneObject("1");
    await artifacts.move(inIms("a/object"), inIms("b/c/d/e"));
    expect(await readdir(join(root, "objects/ims"))).toEqual(["b@"]);
    await artifacts.remove(inIms("b/c/d/e"));
    expect(await readdir(join(root, "objects/ims"))).toEqual([]);
  });

  it.each([
    ["has lost its end", (file: string) => truncate(file, 30)],
    ["has lost all", (file: string) => truncate(file, 0)],
    ["has got bytes too many", (file: string) => appendFile(file, "x")],
    [
      "is something else",
      (file: string) => writeFile(file, "something else, and long enough to be looked at"),
    ],
    ["describes itself with no JSON", (file: string) => writeFile(file, "abc{0000004IMSOBJ1\n")],
    ["describes itself as longer than it is", (file: string) => writeFile(file, "ffffffffIMSOBJ1\n")],
    ["describes itself with other members", (file: string) => writeFile(file, "{}00000002IMSOBJ1\n")],
  ])("are never answered as whole when their file %s", async (_, damage) => {
    const { artifacts, file } = await oneObject("the content");
    await damage(file);
    const unavailable = failsWith("unavailable");
    await expect(artifacts.stat(inIms("a/object"))).rejects.toEqual(unavailable);
    await expect(artifacts.read(inIms("a/object"))).rejects.toEqual(unavailable);
    await expect(artifacts.move(inIms("a/object"), inIms("b"))).rejects.toEqual(unavailable);
    await expect(Array.fromAsync(artifacts.list("ims", ""))).rejects.toEqual(unavailable);
    expect(await artifacts.stat(inIms("b"))).toBeUndefined();
    await artifacts.write(inIms("a/object"), textSource("new"));
    expect((await artifacts.stat(inIms("a/object")))?.size).toBe(3);
  });

  it("do not say where they lie when they are damaged", async () => {
    const { root, artifacts, file } = await oneObject("the content");
    await truncate(file, 3);
    await expect(artifacts.stat(inIms("a/object"))).rejects.not.toThrow(root);
  });

  it("are told apart from files that others put among them", async () => {
    const { root, artifacts } = await oneObject("1");
    await writeFile(join(root, "objects/ims/.DS_Store"), "x");
    await writeFile(join(root, "objects/ims/UPPER"), "x");
    await writeFile(join(root, "objects/ims/%zz"), "x");
    await mkdir(join(root, "objects/ims/folder"));
    const keys = (await Array.fromAsync(artifacts.list("ims", ""))).map(({ key }) => key);
    expect(keys).toEqual(["a/object"]);
  });

  it("leave nothing behind when their upload fails", async () => {
    const { root, artifacts } = await oneObject("1");
    async function* broken() {
      yield* inChunks(bytesOf(3_000_000));
      throw new Error("gone");
    }
    await expect(artifacts.write(inIms("b/c"), broken())).rejects.toThrow("gone");
    await expect(
      artifacts.write(inIms("b/c"), inChunks(bytesOf(3_000_000)), { expect: { size: 5 } }),
    ).rejects.toEqual(failsWith("invalid"));
    await expect(artifacts.write(inIms("a/object"), textSource("2"), { keepExisting: true })).rejects.toEqual(
      failsWith("conflict"),
    );
    await artifacts.check();
    expect(await filesBelow(root)).toEqual(["objects/ims/a@/object"]);
    expect(await openBelow(root)).toEqual([]);
  });

  it("are closed when reading ends, is left early, or is refused", async () => {
    const { root, artifacts } = await oneObject("1");
    const big = inIms("big");
    await artifacts.write(big, inChunks(bytesOf(5_000_000)));
    await gathered((await artifacts.read(big))?.body);
    for await (const chunk of (await artifacts.read(big))?.body ?? []) {
      expect(chunk.length).toBeLessThan(5_000_000);
      break;
    }
    await expect(artifacts.read(big, { start: 5_000_000, end: 5_000_000 })).rejects.toEqual(
      failsWith("range-not-satisfiable"),
    );
    expect(await openBelow(root)).toEqual([]);
  });

  it("are closed when reading is given up before it begins", async () => {
    const { root, artifacts } = await oneObject("1");
    const unread = (await artifacts.read(inIms("a/object")))?.body[Symbol.asyncIterator]();
    expect(await openBelow(root)).toHaveLength(1);
    await unread?.return?.();
    expect(await openBelow(root)).toEqual([]);
    await unread?.return?.();
    expect(await unread?.next()).toEqual({ done: true, value: undefined });
  });

  it("fail as unavailable when the root cannot be used", async () => {
    const folder = await scratchFolder();
    await writeFile(join(folder, "file"), "");
    const artifacts = fileArtifacts(join(folder, "file/root"));
    const unavailable = failsWith("unavailable");
    await expect(artifacts.check()).rejects.toEqual(unavailable);
    await expect(artifacts.write(inIms("a"), textSource("1"))).rejects.toEqual(unavailable);
  });
});
