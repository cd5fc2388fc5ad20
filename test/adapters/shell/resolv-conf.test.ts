import { lstat, mkdir, readFile, readlink, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lendResolvConf } from "../../../adapters/shell/resolv-conf.ts";
import { scratchFolder } from "../../support/archives.ts";

const machines = await readFile("/etc/resolv.conf", "utf8");

/** An image root, and what was lent to it. */
async function lent(make: (etc: string) => Promise<unknown>) {
  const base = await scratchFolder();
  const etc = join(base, "root/etc");
  await mkdir(etc, { recursive: true });
  await make(etc);
  await utimes(etc, 1_000_000_000, 1_000_000_000);
  const giveBack = await lendResolvConf(join(base, "root"), join(base, "aside"));
  return { base, etc, file: join(etc, "resolv.conf"), giveBack };
}

describe("a resolv.conf that is lent to an image", () => {
  it("takes the place of a file, which comes back as it was", async () => {
    const { etc, file, giveBack } = await lent((folder) =>
      writeFile(join(folder, "resolv.conf"), "mine", { mode: 0o640 }),
    );
    expect(await readFile(file, "utf8")).toBe(machines);
    expect(await giveBack()).toBe(true);
    expect(await readFile(file, "utf8")).toBe("mine");
    expect((await lstat(file)).mode & 0o777).toBe(0o640);
    expect((await lstat(etc)).mtimeMs).toBe(1_000_000_000_000);
  });

  it("takes the place of a link, also of one that leads nowhere or out of the image", async () => {
    const outside = join(await scratchFolder(), "outside");
    await writeFile(outside, "not mine");
    for (const target of ["../run/nowhere", outside]) {
      const { file, giveBack } = await lent((folder) => symlink(target, join(folder, "resolv.conf")));
      expect((await lstat(file)).isFile()).toBe(true);
      expect(await giveBack()).toBe(true);
      expect(await readlink(file)).toBe(target);
    }
    expect(await readFile(outside, "utf8")).toBe("not mine");
  });

  it("leaves nothing where there was none", async () => {
    const { file, giveBack } = await lent(async () => undefined);
    expect(await readFile(file, "utf8")).toBe(machines);
    expect(await giveBack()).toBe(true);
    await expect(lstat(file)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("stays as its user left it, be it changed, replaced by a link, or removed", async () => {
    const changes: ((file: string) => Promise<unknown>)[] = [
      (file) => writeFile(file, "changed on purpose"),
      async (file) => {
        await rm(file);
        await symlink("/run/systemd/resolve/stub-resolv.conf", file);
      },
      (file) => rm(file),
    ];
    for (const change of changes) {
      const { file, giveBack } = await lent((folder) => writeFile(join(folder, "resolv.conf"), "mine"));
      await change(file);
      expect(await giveBack()).toBe(false);
      const now = await readFile(file, "utf8").catch(() => readlink(file).catch(() => "removed"));
      expect(now).not.toBe("mine");
    }
  });

  it("never leaves the image by an /etc that is a link", async () => {
    const base = await scratchFolder();
    const outside = join(base, "outside");
    await mkdir(join(base, "root"));
    await mkdir(outside);
    await symlink(outside, join(base, "root/etc"));
    const giveBack = await lendResolvConf(join(base, "root"), join(base, "aside"));
    await expect(lstat(join(outside, "resolv.conf"))).rejects.toMatchObject({ code: "ENOENT" });
    expect(await giveBack()).toBe(true);
  });
});
