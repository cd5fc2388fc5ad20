import { lstat, readFile, readlink, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRootArchives } from "../../../adapters/archive/root-archive.ts";
import { plainEnvironment } from "../../../adapters/process/environment.ts";
import { createRunCommand } from "../../../adapters/process/spawn.ts";
import { type ArchiveEntry, scratchFolder, tarBytes } from "../../support/archives.ts";
import { program } from "../../support/programs.ts";

const run = createRunCommand({ env: plainEnvironment(process.env) });
/** The files of whoever runs the test, who may not be root. */
const OWN = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

async function unpack(entries: readonly ArchiveEntry[], maxBytes = 2 ** 30) {
  const base = await scratchFolder();
  const archive = join(base, "rootfs.tar");
  const folder = join(base, "root");
  await writeFile(archive, await tarBytes(entries.map((entry) => ({ ...OWN, ...entry }))));
  const lines: string[] = [];
  const unpacking = createRootArchives(run).unpack({
    archive,
    compression: "none",
    folder,
    maxBytes,
    onBytes: () => undefined,
    onLine: (line) => lines.push(line),
    signal: new AbortController().signal,
  });
  return { base, folder, lines, unpacking };
}

describe("unpacking a root archive", () => {
  it("keeps modes and links, and removes the archive", async () => {
    const { base, folder, unpacking } = await unpack([
      { name: "./", type: "directory", mode: 0o750 },
      { name: "./bin/su", mode: 0o4755, content: "x" },
      { name: "./bin/sh", type: "symlink", linkname: "/bin/dash" },
      { name: "./tmp/", type: "directory", mode: 0o1777 },
    ]);
    await unpacking;
    expect((await lstat(folder)).mode & 0o7777).toBe(0o750);
    expect((await lstat(join(folder, "bin/su"))).mode & 0o7777).toBe(0o4755);
    expect((await lstat(join(folder, "tmp"))).mode & 0o7777).toBe(0o1777);
    expect(await readlink(join(folder, "bin/sh"))).toBe("/bin/dash");
    expect(await readdir(base)).toEqual(["root"]);
  });

  it("refuses names that climb", async () => {
    const { base, unpacking } = await unpack([{ name: "../evil", content: "x" }]);
    await expect(unpacking).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining(".."),
    });
    expect(await readdir(base)).not.toContain("evil");
  });

  it("never writes through a link that leads out", async () => {
    const target = await scratchFolder();
    const { unpacking } = await unpack([
      { name: "out", type: "symlink", linkname: target },
      { name: "out/evil", content: "x" },
    ]);
    await unpacking.catch(() => undefined);
    expect(await readdir(target)).toEqual([]);
  });

  it("takes absolute names and links for ones below the folder", async () => {
    const outside = join(await scratchFolder(), "evil");
    await writeFile(outside, "safe");
    const { folder, unpacking } = await unpack([{ name: outside, content: "x" }]);
    await unpacking;
    expect(await readFile(outside, "utf8")).toBe("safe");
    expect(await readFile(join(folder, outside), "utf8")).toBe("x");
  });

  it("stops at the limit", async () => {
    const { unpacking } = await unpack([{ name: "zero", content: Buffer.alloc(30_000_000) }], 1_000_000);
    await expect(unpacking).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining("1000000 bytes"),
    });
  });

  it("says which program is missing, and that a damaged archive is one", async () => {
    const base = await scratchFolder();
    const order = {
      archive: join(base, "rootfs.tar.zst"),
      compression: "zstd",
      maxBytes: 1e9,
      onBytes: () => undefined,
      onLine: () => undefined,
      signal: new AbortController().signal,
    } as const;
    await writeFile(order.archive, "no archive");
    const env = { PATH: base };
    await expect(
      createRootArchives(createRunCommand({ env })).unpack({ ...order, folder: join(base, "a") }),
    ).rejects.toMatchObject({ code: "not-found", message: "tar is missing." });
    await program(base, "tar", 'echo "tar (child): zstd: Cannot exec: No such file" >&2; exit 2');
    await expect(
      createRootArchives(createRunCommand({ env })).unpack({ ...order, folder: join(base, "b") }),
    ).rejects.toMatchObject({ code: "not-found", message: "zstd is missing." });
    await expect(
      createRootArchives(run).unpack({ ...order, compression: "gzip", folder: join(base, "c") }),
    ).rejects.toMatchObject({ code: "invalid" });
  });
});
