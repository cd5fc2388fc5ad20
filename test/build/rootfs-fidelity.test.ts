import {
  chmod,
  chown,
  link,
  lchown,
  lstat,
  mkdir,
  open,
  readFile,
  readlink,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRootArchives } from "../../adapters/archive/root-archive.ts";
import { createSquashfs } from "../../adapters/package/squashfs.ts";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { SQUASHFS_COMPRESSIONS, type PackOptions } from "../../core/jobs/plan.ts";
import { scratchFolder } from "../support/archives.ts";

const run = createRunCommand({ env: plainEnvironment(process.env) });
const forever = new AbortController().signal;

async function call(file: string, ...args: readonly string[]): Promise<readonly string[]> {
  const lines: string[] = [];
  const { exitCode } = await run({ file, args, onLine: (line) => lines.push(line), quiet: true });
  if (exitCode !== 0)
    throw new Error(`${file} ${args.join(" ")} ended with ${exitCode}: ${lines.join("\n")}`);
  return lines;
}

async function put(path: string, content: string, mode: number, owner = 0, group = 0): Promise<void> {
  await writeFile(path, content);
  await chown(path, owner, group);
  // a change of owner clears setuid, so the mode comes after it
  await chmod(path, mode);
}

const ODD_NAMES = ["ä 漢字 😀", "-rf", "new\nline", 'qu"ote\\', "sp ace", "*"];

/** A tree with everything that an image may hold and that a packer may lose. */
async function makeTree(root: string): Promise<void> {
  await mkdir(join(root, "bin"), { recursive: true });
  await mkdir(join(root, "tmp"));
  await chmod(join(root, "tmp"), 0o1777);
  await put(join(root, "bin/su"), "setuid", 0o4755);
  await put(join(root, "bin/wall"), "setgid", 0o2755, 0, 5);
  await put(join(root, "bin/ping"), "capable", 0o755);
  await call("setcap", "cap_net_raw,cap_net_admin+ep", join(root, "bin/ping"));
  await put(join(root, "owned"), "x", 0o640, 1234, 70_000);
  await call("setfattr", "-n", "user.comment", "-v", "kept ä", join(root, "owned"));
  await call("setfattr", "-n", "trusted.mark", "-v", "root only", join(root, "owned"));
  await put(join(root, "shut"), "x", 0o000);
  await link(join(root, "owned"), join(root, "hard"));
  await symlink("bin/su", join(root, "relative"));
  await symlink("/absolute/nowhere", join(root, "absolute"));
  await lchown(join(root, "relative"), 42, 43);
  for (const name of ODD_NAMES) await put(join(root, name), name, 0o644);
  await put(join(root, "empty"), "", 0o644);
  await makeSparse(join(root, "sparse"));
  await call("mknod", "-m", "600", join(root, "console"), "c", "5", "1");
  await call("mknod", "-m", "660", join(root, "disk"), "b", "8", "0");
  await call("mkfifo", "-m", "620", join(root, "pipe"));
  await utimes(join(root, "bin/su"), 1_000_000_000, 1_000_000_000);
  await chmod(root, 0o750);
}

async function makeSparse(path: string): Promise<void> {
  const file = await open(path, "w");
  await file.write("begin", 0);
  await file.write("end", 40_000_000);
  await file.close();
  await truncate(path, 50_000_000);
}

async function packed(root: string, file: string, options: PackOptions) {
  const lines: string[] = [];
  const { exitCode } = await createSquashfs({ run }).pack({
    folder: root,
    file,
    options,
    onLine: (line) => lines.push(line),
    onPercent: () => undefined,
    signal: forever,
  });
  expect(lines.join("\n")).not.toMatch(/error/iu);
  expect(exitCode).toBe(0);
}

async function unpacked(file: string, folder: string) {
  const percents: number[] = [];
  const { exitCode } = await createSquashfs({ run }).unpack({
    file,
    folder,
    onLine: () => undefined,
    onPercent: (percent) => percents.push(percent),
    signal: forever,
  });
  expect(exitCode).toBe(0);
  expect(percents.at(-1)).toBe(100);
}

async function roundTrip(options: PackOptions = { compression: "zstd", level: 3 }) {
  const base = await scratchFolder();
  const root = join(base, "root");
  await mkdir(root);
  await makeTree(root);
  await packed(root, join(base, "rootfs"), options);
  const out = join(base, "out");
  await unpacked(join(base, "rootfs"), out);
  return { root, out, squashfs: join(base, "rootfs"), at: (name: string) => join(out, name) };
}

async function facts(path: string) {
  const { mode, uid, gid, rdev, nlink, size, mtimeMs } = await lstat(path);
  return { mode, uid, gid, rdev, nlink, size, mtime: Math.floor(mtimeMs / 1000) };
}

describe("a root archive that a build leaves", () => {
  it("is unpacked to what was packed: owners, modes, times, links, devices, holes, capabilities, ACLs", async () => {
    const base = await scratchFolder();
    const [root, out] = [join(base, "root"), join(base, "out")];
    await mkdir(root);
    await makeTree(root);
    await call("setfacl", "-m", "u:1234:rw", join(root, "owned"));
    const archive = join(base, "rootfs.tar.gz");
    const options = ["--xattrs", "--xattrs-include=*", "--acls", "--sparse"];
    await call("tar", "-C", root, ...options, "-czf", archive, ".");
    await createRootArchives(run).unpack({
      archive,
      compression: "gzip",
      folder: out,
      maxBytes: 2 ** 30,
      onBytes: () => undefined,
      onLine: () => undefined,
      signal: forever,
    });
    const names = ["", "bin", "tmp", "bin/su", "bin/wall", "bin/ping", "owned", "shut", "hard", "relative"];
    for (const name of [...names, "absolute", "sparse", "console", "disk", "pipe", ...ODD_NAMES])
      expect({ name, ...(await facts(join(out, name))), size: 0 }).toEqual({
        name,
        ...(await facts(join(root, name))),
        size: 0,
      });
    expect((await call("getcap", join(out, "bin/ping"))).join()).toContain("cap_net_raw");
    expect((await call("getfacl", "--absolute-names", join(out, "owned"))).join()).toContain("user:1234:rw-");
    const mark = ["--absolute-names", "--only-values", "-n", "trusted.mark"];
    expect((await call("getfattr", ...mark, join(out, "owned"))).join()).toBe("root only");
    expect((await stat(join(out, "sparse"))).blocks * 512).toBeLessThan(2_000_000);
  });
});

describe("a root file system that is packed and unpacked", () => {
  it("keeps everything that its files are", async () => {
    const { root, out, at } = await roundTrip();
    const names = ["", "bin", "tmp", "bin/su", "bin/wall", "bin/ping", "owned", "shut", "hard", "relative"];
    const rest = ["absolute", "empty", "sparse", "console", "disk", "pipe", ...ODD_NAMES];
    for (const name of [...names, ...rest])
      expect({ name, ...(await facts(at(name))), size: 0 }).toEqual({
        name,
        ...(await facts(join(root, name))),
        size: 0,
      });
    expect((await stat(out)).mode & 0o7777).toBe(0o750);
    expect((await stat(at("tmp"))).mode & 0o7777).toBe(0o1777);
    expect((await stat(at("bin/su"))).mode & 0o7777).toBe(0o4755);
    expect((await stat(at("bin/su"))).mtimeMs).toBe(1_000_000_000_000);
    expect(await stat(at("bin/wall"))).toMatchObject({ gid: 5 });
    expect((await stat(at("bin/wall"))).mode & 0o7777).toBe(0o2755);
    expect(await stat(at("owned"))).toMatchObject({ uid: 1234, gid: 70_000 });
    expect(await lstat(at("relative"))).toMatchObject({ uid: 42, gid: 43 });
  });

  it("keeps capabilities and extended attributes", async () => {
    const { at } = await roundTrip();
    expect((await call("getcap", at("bin/ping"))).join()).toMatch(/cap_net_admin,cap_net_raw[=+]ep/u);
    const value = async (name: string): Promise<string> =>
      (await call("getfattr", "--absolute-names", "--only-values", "-n", name, at("owned"))).join();
    expect(await value("user.comment")).toBe("kept ä");
    expect(await value("trusted.mark")).toBe("root only");
  });

  it("keeps links, hard ones as such", async () => {
    const { at } = await roundTrip();
    expect((await stat(at("hard"))).ino).toBe((await stat(at("owned"))).ino);
    expect(await readlink(at("relative"))).toBe("bin/su");
    expect(await readlink(at("absolute"))).toBe("/absolute/nowhere");
  });

  it("keeps names and content, and holes as holes", async () => {
    const { root, at } = await roundTrip();
    for (const name of ODD_NAMES) expect(await readFile(at(name), "utf8")).toBe(name);
    const [before, after] = [await stat(join(root, "sparse")), await stat(at("sparse"))];
    expect(after.size).toBe(50_000_000);
    expect(after.blocks * 512).toBeLessThan(2_000_000);
    expect(before.blocks * 512).toBeLessThan(2_000_000);
    expect((await readFile(at("sparse"))).equals(await readFile(join(root, "sparse")))).toBe(true);
  });

  it("keeps devices and pipes", async () => {
    const { at, squashfs } = await roundTrip();
    expect((await lstat(at("pipe"))).isFIFO()).toBe(true);
    expect((await lstat(at("console"))).isCharacterDevice()).toBe(true);
    const listing = (await call("unsquashfs", "-ll", squashfs)).join("\n");
    expect(listing).toMatch(/^crw------- root\/root\s+5,\s*1 .*\/console$/mu);
    expect(listing).toMatch(/^brw-rw---- root\/root\s+8,\s*0 .*\/disk$/mu);
  });

  it("is made as the options say", async () => {
    for (const compression of SQUASHFS_COMPRESSIONS) {
      const { squashfs } = await roundTrip({
        compression,
        processors: 1,
        ...(compression === "gzip" ? { level: 1 } : {}),
      });
      expect((await call("unsquashfs", "-s", squashfs)).join("\n")).toMatch(
        new RegExp(`Compression ${compression}`, "u"),
      );
    }
  });

  it("is not made, and says why, when mksquashfs cannot", async () => {
    const base = await scratchFolder();
    const { exitCode, lines } = await createSquashfs({ run }).pack({
      folder: join(base, "missing"),
      file: join(base, "out"),
      options: { compression: "zstd" },
      onLine: () => undefined,
      onPercent: () => undefined,
      signal: forever,
    });
    expect(exitCode).not.toBe(0);
    expect(lines.join("\n")).toContain("missing");
  });
});
