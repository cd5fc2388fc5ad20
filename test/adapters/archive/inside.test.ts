import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fileInside, lookInside } from "../../../adapters/archive/inside.ts";
import { scratchFolder } from "../../support/archives.ts";

async function tree() {
  const base = await scratchFolder();
  const root = join(base, "root");
  await mkdir(join(root, "boot/sub"), { recursive: true });
  await writeFile(join(base, "outside"), "host");
  await writeFile(join(root, "boot/vmlinuz-6"), "kernel");
  return { base, root, at: (path: string) => join(root, path) };
}

describe("looking for a file inside a root", () => {
  it("follows relative and absolute links as if the root were /", async () => {
    const { root, at } = await tree();
    await symlink("vmlinuz-6", at("boot/relative"));
    await symlink("/boot/relative", at("boot/absolute"));
    await symlink("/boot", at("b"));
    const kernel = at("boot/vmlinuz-6");
    expect(await fileInside(root, "boot/relative")).toBe(kernel);
    expect(await fileInside(root, "boot/absolute")).toBe(kernel);
    expect(await fileInside(root, "/b/sub/../absolute")).toBe(kernel);
  });

  it("never leads out, however the link is written", async () => {
    const { base, root, at } = await tree();
    await symlink(join(base, "outside"), at("absolute"));
    await symlink("../outside", at("climbs"));
    await symlink("../../..", at("up"));
    expect(await fileInside(root, "absolute")).toBeUndefined();
    expect(await fileInside(root, "climbs")).toBeUndefined();
    expect(await fileInside(root, "../outside")).toBeUndefined();
    expect((await lookInside(root, "up"))?.path).toBe(root);
  });

  it("answers nothing for loops, missing names, folders and names that cannot exist", async () => {
    const { root, at } = await tree();
    await symlink("loop", at("loop"));
    for (const path of ["loop", "missing/at/all", "boot", "boot/vmlinuz-6/in", "a\0b", "x".repeat(300), ""])
      expect(await fileInside(root, path)).toBeUndefined();
  });
});
