import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createSquashfs } from "../../adapters/package/squashfs.ts";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { packRootfs } from "../../functions/agent/steps/pack-rootfs.ts";
import { unpackRecipe } from "../../functions/agent/steps/unpack-recipe.ts";
import { scratchFolder, writeArchive } from "../support/archives.ts";
import { stepContext } from "../support/steps.ts";

const run = createRunCommand({ env: plainEnvironment(process.env) });

/** A file system of its own with so much space; goes when the test ends. */
async function smallDisk(megabytes: number): Promise<string> {
  const folder = await scratchFolder();
  await mount("tmpfs", folder, "-t", "tmpfs", "-o", `size=${megabytes}m`);
  onTestFinished(async () => {
    await run({ file: "umount", args: ["--lazy", folder], quiet: true });
  });
  return folder;
}

async function mount(source: string, target: string, ...options: readonly string[]): Promise<void> {
  const { exitCode, tail } = await run({ file: "mount", args: [...options, source, target], quiet: true });
  if (exitCode !== 0) throw new Error(`mount: ${tail.join(" ")}`);
}

const PACK = {
  do: "pack-rootfs",
  status: "packaging_artifacts",
  options: { compression: "zstd", level: 3 },
} as const;

describe("a disk that is full", () => {
  it("is told before packing begins when it certainly will not do", async () => {
    const workFolder = await smallDisk(2);
    const imageRoot = await scratchFolder();
    await writeFile(join(imageRoot, "large"), randomBytes(16 * 2 ** 20));
    const packing = packRootfs(stepContext({ workFolder, state: { imageRoot } }), PACK);
    await expect(packing).rejects.toMatchObject({
      code: "disk_full",
      message: expect.stringMatching(/^Packing needs at least \d+ MiB, and 2 MiB are free\.$/u),
    });
  });

  it("is told when it is met while packing", async () => {
    const workFolder = await smallDisk(8);
    const imageRoot = await scratchFolder();
    await writeFile(join(imageRoot, "large"), randomBytes(16 * 2 ** 20));
    const packing = packRootfs(stepContext({ workFolder, state: { imageRoot } }), PACK);
    await expect(packing).rejects.toMatchObject({ code: "disk_full", exitCode: 1 });
  });

  it("is told when it is met while unpacking", async () => {
    const workFolder = await smallDisk(1);
    const recipeArchive = join(await scratchFolder(), "recipe.tar.gz");
    await writeArchive(recipeArchive, [{ name: "config.xml", content: randomBytes(4 * 2 ** 20) }]);
    const context = stepContext({ workFolder, state: { recipeArchive } });
    const unpacking = unpackRecipe(context, {
      do: "unpack-recipe",
      status: "fetching_recipe",
      recipe_type: "kiwi-ng",
      max_bytes: 2 ** 30,
      max_entries: 10,
    });
    await expect(unpacking).rejects.toMatchObject({ code: "disk_full" });
  });
});

describe("what a build left mounted", () => {
  it("is unmounted before packing, the deepest first, and nothing else is", async () => {
    const disk = await smallDisk(1);
    const imageRoot = join(disk, "image root");
    await mkdir(join(imageRoot, "proc"), { recursive: true });
    await mkdir(join(disk, "image root beside"));
    await mount("tmpfs", join(disk, "image root beside"), "-t", "tmpfs");
    await mount("tmpfs", join(imageRoot, "proc"), "-t", "tmpfs");
    await mkdir(join(imageRoot, "proc/deep"));
    await mount("tmpfs", join(imageRoot, "proc/deep"), "-t", "tmpfs");
    const unmounted = await createSquashfs({ run }).unmountBelow(imageRoot);
    expect(unmounted).toEqual([join(imageRoot, "proc/deep"), join(imageRoot, "proc")]);
    const left = await readFile("/proc/self/mountinfo", "utf8");
    expect(left).not.toContain("image\\040root/proc");
    expect(left).toContain("image\\040root\\040beside");
    await run({ file: "umount", args: [join(disk, "image root beside")], quiet: true });
  });
});
