import { chmod, mkdir, mkdtemp, readFile, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mountPointsBelow, mountsInside } from "../../../adapters/process/mounts.ts";
import { createRunCommand } from "../../../adapters/process/spawn.ts";
import { removeWorkFolder } from "../../../adapters/process/work-folder.ts";

const run = createRunCommand({ env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
const isRoot = process.getuid?.() === 0;

let base: string;
let work: string;
beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), "work-")));
  work = join(base, "job");
  await mkdir(work);
});
afterEach(() => rm(base, { recursive: true, force: true }));

describe("the mounts below a folder", () => {
  const line = (point: string): string => `36 35 98:0 /root ${point} rw,noatime shared:1 - ext4 /dev/vda rw`;

  it("come with those mounted last first, and without folders that only begin alike", () => {
    const text = ["/", "/w/job", "/w/job/root", "/w/job-2/root", "/w/job/root/proc", "/w/job/root", ""];
    expect(mountPointsBelow(text.map(line).join("\n"), "/w/job")).toEqual([
      "/w/job/root",
      "/w/job/root/proc",
      "/w/job/root",
      "/w/job",
    ]);
  });

  it("are named as they are, whatever characters they have", () => {
    expect(mountPointsBelow(line("/w/job/a\\040b\\134c\\012d"), "/w/job")).toEqual(["/w/job/a b\\c\nd"]);
  });
});

describe("removing a work folder", () => {
  it("removes everything in it, and does not mind that there is nothing", async () => {
    await mkdir(join(work, "a/b"), { recursive: true });
    await writeFile(join(work, "a/b/c"), "x");
    await removeWorkFolder(work, run);
    expect(await readdir(base)).toEqual([]);
    await removeWorkFolder(work, run);
  });

  it("never follows a link", async () => {
    const outside = join(base, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "precious"), "kept");
    await symlink(outside, join(work, "link"));
    await removeWorkFolder(work, run);
    expect(await readFile(join(outside, "precious"), "utf8")).toBe("kept");
    await symlink(outside, work);
    await removeWorkFolder(work, run);
    expect(await readdir(base)).toEqual(["outside"]);
    expect(await readFile(join(outside, "precious"), "utf8")).toBe("kept");
  });

  it("removes folders that deny access to their owner", async () => {
    await mkdir(join(work, "closed/inner"), { recursive: true });
    await writeFile(join(work, "closed/inner/file"), "x");
    await chmod(join(work, "closed/inner"), 0o500);
    await chmod(join(work, "closed"), 0o000);
    await removeWorkFolder(work, run);
    expect(await readdir(base)).toEqual([]);
  });

  it.runIf(isRoot)(
    "unmounts what is mounted in it and leaves alone what was mounted from elsewhere",
    async () => {
      const outside = join(base, "outside");
      const point = join(work, "a b/point");
      await mkdir(outside);
      await mkdir(point, { recursive: true });
      await writeFile(join(outside, "precious"), "kept");
      for (const args of [
        ["--bind", outside, point],
        ["-t", "tmpfs", "none", point],
      ])
        expect((await run({ file: "mount", args })).exitCode).toBe(0);
      expect(await mountsInside(work)).toHaveLength(2);
      await removeWorkFolder(work, run);
      expect(await mountsInside(work)).toEqual([]);
      expect(await readdir(base)).toEqual(["outside"]);
      expect(await readFile(join(outside, "precious"), "utf8")).toBe("kept");
    },
  );

  it.runIf(isRoot)("takes a busy mount out of the way", async () => {
    await mkdir(join(work, "busy"));
    await run({ file: "mount", args: ["-t", "tmpfs", "none", join(work, "busy")] });
    const abort = new AbortController();
    const user = run({ file: "sleep", args: ["60"], cwd: join(work, "busy"), signal: abort.signal });
    await removeWorkFolder(work, run);
    expect(await readdir(base)).toEqual([]);
    abort.abort(new Error("done"));
    await expect(user).rejects.toThrow("done");
  });

  it.runIf(isRoot)("empties a folder that is a volume itself, and lets it stay", async () => {
    await run({ file: "mount", args: ["-t", "tmpfs", "none", work] });
    await writeFile(join(work, "file"), "x");
    await removeWorkFolder(work, run);
    expect(await readdir(work)).toEqual([]);
    await run({ file: "umount", args: [work] });
  });
});
