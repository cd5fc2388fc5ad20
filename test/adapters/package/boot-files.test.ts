import { chmod, mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createBootFiles } from "../../../adapters/package/boot-files.ts";
import { scratchFolder } from "../../support/archives.ts";

const bootFiles = createBootFiles();
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o7777;

describe("what an image boots with", () => {
  it("lists a folder of the image, also behind a link, never one of the host", async () => {
    const root = await scratchFolder();
    await mkdir(join(root, "usr/boot"), { recursive: true });
    await writeFile(join(root, "usr/boot/b"), "");
    await writeFile(join(root, "usr/boot/a"), "");
    await symlink("/usr/boot", join(root, "boot"));
    await symlink("/etc", join(root, "out"));
    expect(await bootFiles.names(root, "boot")).toEqual(["a", "b"]);
    expect(await bootFiles.names(root, "out")).toEqual([]);
    expect(await bootFiles.names(root, "missing")).toEqual([]);
  });
});

describe("kiwi's own folder in the image", () => {
  it("is closed to all but root, with everything in it", async () => {
    const root = await scratchFolder();
    await mkdir(join(root, "image/deep"), { recursive: true });
    await writeFile(join(root, "image/config.sh"), "");
    await chmod(join(root, "image/config.sh"), 0o4755);
    await writeFile(join(root, "image/deep/file"), "");
    await bootFiles.closeBuildFolder(root);
    expect(await modeOf(join(root, "image"))).toBe(0o700);
    expect(await modeOf(join(root, "image/config.sh"))).toBe(0o600);
    expect(await modeOf(join(root, "image/deep"))).toBe(0o700);
    expect(await modeOf(join(root, "image/deep/file"))).toBe(0o600);
  });

  it("is never followed out of the image", async () => {
    const base = await scratchFolder();
    const root = join(base, "root");
    await mkdir(join(base, "host"), { mode: 0o755 });
    await writeFile(join(base, "host/file"), "", { mode: 0o644 });
    await mkdir(join(root, "image"), { recursive: true });
    await symlink(join(base, "host/file"), join(root, "image/file"));
    await symlink(join(base, "host"), join(root, "image/folder"));
    await bootFiles.closeBuildFolder(root);
    expect(await modeOf(join(base, "host"))).toBe(0o755);
    expect(await modeOf(join(base, "host/file"))).toBe(0o644);

    const other = join(base, "other");
    await mkdir(other);
    await symlink(join(base, "host"), join(other, "image"));
    await bootFiles.closeBuildFolder(other);
    expect(await modeOf(join(base, "host"))).toBe(0o755);
  });

  it("may be missing", async () => {
    await expect(bootFiles.closeBuildFolder(await scratchFolder())).resolves.toBeUndefined();
  });
});
