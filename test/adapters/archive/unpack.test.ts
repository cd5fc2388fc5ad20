import { lstat, readFile, readlink, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { isDomainError } from "../../../core/errors.ts";
import { unpackArchive } from "../../../adapters/archive/unpack.ts";
import { type ArchiveEntry, scratchFolder, tarBytes, writeArchive } from "../../support/archives.ts";

interface Limits {
  readonly maxBytes?: number;
  readonly maxEntries?: number;
  readonly signal?: AbortSignal;
}

async function unpackBytes(bytes: Uint8Array, limits: Limits = {}) {
  const base = await scratchFolder();
  const archive = join(base, "recipe.tar.gz");
  await writeFile(archive, bytes);
  const folder = join(base, "out");
  const order = {
    archive,
    folder,
    maxBytes: 2 ** 24,
    maxEntries: 1000,
    signal: new AbortController().signal,
  };
  const result = await unpackArchive({ ...order, ...limits });
  return { ...result, base, folder };
}

async function unpack(entries: readonly ArchiveEntry[], limits: Limits = {}) {
  return await unpackBytes(gzipSync(await tarBytes(entries)), limits);
}

const file = (name: string, content = "x"): ArchiveEntry => ({ name, content });
const symlink = (name: string, linkname: string): ArchiveEntry => ({ name, type: "symlink", linkname });

/** Why the archive is refused; another error, or none, fails the test. */
async function refusal(unpacking: Promise<unknown>): Promise<string> {
  const error: unknown = await unpacking.then(
    () => new Error("It was unpacked."),
    (error: unknown) => error,
  );
  if (!isDomainError(error, "invalid")) throw error;
  return error.message;
}

describe("unpacking a harmless archive", () => {
  it("keeps content, modes with setuid bits, times, folders and links", async () => {
    const { folder } = await unpack([
      { name: "./", type: "directory", mode: 0o755 },
      { name: "./config.xml", content: "<image/>", mode: 0o640, mtime: new Date(1_600_000_000_000) },
      { name: "./root/", type: "directory", mode: 0o2775 },
      { name: "./root/usr/bin/tool", content: "tool", mode: 0o4755 },
      { name: "./hard", type: "link", linkname: "./root/usr/bin/tool" },
      symlink("./root/etc/mtab", "/proc/self/mounts"),
      symlink("./root/etc/out", "../../../../etc/passwd"),
    ]);
    expect(await readFile(join(folder, "config.xml"), "utf8")).toBe("<image/>");
    const config = await stat(join(folder, "config.xml"));
    expect(config.mode & 0o7777).toBe(0o640);
    expect(config.mtimeMs).toBe(1_600_000_000_000);
    expect((await stat(join(folder, "root"))).mode & 0o7777).toBe(0o2775);
    const tool = await stat(join(folder, "root/usr/bin/tool"));
    expect(tool.mode & 0o7777).toBe(0o4755);
    expect((await stat(join(folder, "hard"))).ino).toBe(tool.ino);
    expect(await readlink(join(folder, "root/etc/mtab"))).toBe("/proc/self/mounts");
    expect(await readlink(join(folder, "root/etc/out"))).toBe("../../../../etc/passwd");
  });

  it("keeps names of any length and script that a file system takes", async () => {
    const long = `${"d".repeat(200)}/${"e".repeat(200)}/ä 漢字 😀 \n line`;
    const { folder } = await unpack([file(long, "far")]);
    expect(await readFile(join(folder, long), "utf8")).toBe("far");
  });

  it("takes the last of several files of one name, as tar does", async () => {
    const { folder } = await unpack([file("a", "old"), file("./a", "new")]);
    expect(await readFile(join(folder, "a"), "utf8")).toBe("new");
  });

  it("leaves the other name of a hard link alone when one is replaced", async () => {
    const link: ArchiveEntry = { name: "b", type: "link", linkname: "a" };
    const { folder } = await unpack([file("a", "old"), link, file("b", "new")]);
    expect(await readFile(join(folder, "a"), "utf8")).toBe("old");
    expect(await readFile(join(folder, "b"), "utf8")).toBe("new");
  });

  it("lets the owner into every folder, whatever its mode", async () => {
    const { folder } = await unpack([{ name: "shut", type: "directory", mode: 0o055 }, file("shut/in")]);
    expect((await stat(join(folder, "shut"))).mode & 0o777).toBe(0o755);
  });

  it("reads a gzip stream of several members", async () => {
    const bytes = await tarBytes([file("a", "1"), file("b", "2")]);
    const joined = Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]);
    expect(await readdir((await unpackBytes(joined)).folder)).toEqual(["a", "b"]);
  });
});

describe("unpacking a hostile archive", () => {
  it("refuses absolute names", async () => {
    expect(await refusal(unpack([file("/etc/evil")]))).toMatch(/absolute/u);
  });
  it("refuses names that climb", async () => {
    expect(await refusal(unpack([file("a/../../evil")]))).toMatch(/climbs/u);
  });
  it("refuses a folder that climbs", async () => {
    expect(await refusal(unpack([{ name: "../evil", type: "directory" }]))).toMatch(/climbs/u);
  });
  it("refuses a segment longer than any file system takes", async () => {
    expect(await refusal(unpack([file("x".repeat(256))]))).toMatch(/too long/u);
  });
  it("refuses to make the top folder a link", async () => {
    expect(await refusal(unpack([symlink("./", "/etc")]))).toMatch(/top folder/u);
  });

  it("writes nothing through a link, absolute or relative", async () => {
    for (const target of ["/tmp", "../../..", ".", "real"]) {
      expect(
        await refusal(
          unpack([{ name: "real", type: "directory" }, symlink("way", target), file("way/evil")]),
        ),
      ).toMatch(/leads through "way", which is a symlink/u);
    }
  });

  it("does not write into what a link of the same name leads to", async () => {
    const base = await scratchFolder();
    const victim = join(base, "victim");
    await writeFile(victim, "untouched");
    expect(await refusal(unpack([symlink("a", victim), file("a", "evil")]))).toMatch(
      /twice, as a symlink and as a file/u,
    );
    expect(await readFile(victim, "utf8")).toBe("untouched");
  });

  it("does not take a link for a folder of the same name", async () => {
    expect(await refusal(unpack([symlink("a", "/"), { name: "a", type: "directory" }]))).toMatch(
      /which is a symlink/u,
    );
  });

  it("does not turn a folder into a link afterwards", async () => {
    expect(
      await refusal(unpack([{ name: "a", type: "directory" }, symlink("a", "/"), file("a/evil")])),
    ).toMatch(/twice/u);
  });

  it("sees through different spellings of one name", async () => {
    expect(await refusal(unpack([symlink("a", "/tmp"), file("./a//evil")]))).toMatch(/leads through/u);
  });

  it("refuses hard links out of the archive, to links, folders and later files", async () => {
    const link = (linkname: string): ArchiveEntry => ({ name: "h", type: "link", linkname });
    expect(await refusal(unpack([link("/etc/passwd")]))).toMatch(/absolute/u);
    expect(await refusal(unpack([link("../out")]))).toMatch(/climbs/u);
    expect(await refusal(unpack([symlink("s", "/etc/passwd"), link("s")]))).toMatch(/no file before it/u);
    expect(await refusal(unpack([{ name: "d", type: "directory" }, link("d")]))).toMatch(
      /no file before it/u,
    );
    expect(await refusal(unpack([link("later"), file("later")]))).toMatch(/no file before it/u);
  });

  it("refuses devices and pipes", async () => {
    expect(await refusal(unpack([{ name: "dev", type: "block-device", devmajor: 8, devminor: 0 }]))).toMatch(
      /block-device/u,
    );
    expect(await refusal(unpack([{ name: "dev", type: "character-device" }]))).toMatch(/character-device/u);
    expect(await refusal(unpack([{ name: "pipe", type: "fifo" }]))).toMatch(/fifo/u);
  });

  it("refuses kinds of entries that it does not know", async () => {
    const bytes = await tarBytes([file("sparse")]);
    bytes.write("S", 156, "latin1");
    const header = bytes.subarray(0, 512);
    header.fill(" ", 148, 156);
    let sum = 0;
    for (const byte of header) sum += byte;
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    await expect(unpackBytes(gzipSync(bytes))).rejects.toMatchObject({
      message: expect.stringMatching(/unknown kind/u),
    });
  });

  it("stops at more bytes than allowed, wherever they hide", async () => {
    const bomb = [file("zeros", "\0".repeat(3_000_000))];
    await expect(unpack(bomb, { maxBytes: 1_000_000 })).rejects.toMatchObject({
      message: expect.stringMatching(/more than the 1000000 bytes/u),
    });
    const padding = gzipSync(Buffer.concat([await tarBytes([file("a")]), Buffer.alloc(3_000_000)]));
    await expect(unpackBytes(padding, { maxBytes: 1_000_000 })).rejects.toMatchObject({ code: "invalid" });
  });

  it("counts folders that only a name implies as entries", async () => {
    await expect(unpack([file("a/b/c/d/e")], { maxEntries: 4 })).rejects.toMatchObject({
      message: expect.stringMatching(/more than the 4 entries/u),
    });
    expect((await unpack([file("a/b/c/d/e")], { maxEntries: 5 })).entries).toBe(5);
  });

  it("counts an entry that repeats a name", async () => {
    const same = Array.from({ length: 20 }, () => file("a"));
    await expect(unpack(same, { maxEntries: 10 })).rejects.toMatchObject({ code: "invalid" });
  });
});

describe("unpacking what is no whole archive", () => {
  const refused = (bytes: Uint8Array) => refusal(unpackBytes(bytes));

  it("says what the file is instead", async () => {
    expect(await refused(Buffer.alloc(0))).toMatch(/empty/u);
    expect(await refused(Buffer.from("fd377a585a000000", "hex"))).toMatch(/xz/u);
    expect(await refused(Buffer.from("504b030414000000", "hex"))).toMatch(/zip/u);
    expect(await refused(await tarBytes([file("a")]))).toMatch(/not gzip but something else/u);
    expect(await refused(gzipSync("no tar in here".repeat(100)))).toMatch(/not a whole tar/u);
    expect(await refused(gzipSync(""))).toMatch(/empty/u);
  });

  it("tells a cut stream at every length", async () => {
    const whole = gzipSync(await tarBytes([file("a", "abc".repeat(1000)), file("b", "def".repeat(999))]));
    for (let length = 2; length < whole.length; length += 7)
      expect(await refused(whole.subarray(0, length))).toMatch(/cut off|damaged/u);
  });

  it("tells a tar that ends inside an entry", async () => {
    const tar = await tarBytes([file("a", "abc".repeat(1000))]);
    expect(await refused(gzipSync(tar.subarray(0, 1200)))).toMatch(/cut off/u);
  });

  it("tells a changed byte", async () => {
    const whole = gzipSync(await tarBytes([file("a", "abc".repeat(1000))]));
    const at = whole.length - 6;
    whole.writeUInt8(whole.readUInt8(at) ^ 1, at);
    expect(await refused(whole)).toMatch(/damaged/u);
  });
});

describe("unpacking at all", () => {
  it("stops with the signal's reason", async () => {
    const reason = new Error("cancelled");
    await expect(unpack([file("a")], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("refuses to fill a folder that exists", async () => {
    const base = await scratchFolder();
    const archive = join(base, "a.tar.gz");
    await writeArchive(archive, [file("a")]);
    const order = {
      archive,
      folder: base,
      maxBytes: 9999,
      maxEntries: 9,
      signal: new AbortController().signal,
    };
    await expect(unpackArchive(order)).rejects.toMatchObject({ code: "unavailable" });
    await expect(lstat(join(base, "a"))).rejects.toThrow(/ENOENT/u);
  });
});
