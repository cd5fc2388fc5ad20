import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkShell } from "../../../functions/agent/steps/shell.ts";
import { unpackRootfs } from "../../../functions/agent/steps/unpack-rootfs.ts";
import { scratchFolder } from "../../support/archives.ts";
import { program } from "../../support/programs.ts";
import { SHELL_ORDER, standInShell } from "../../support/shell.ts";
import { stepContext } from "../../support/steps.ts";

const UNPACK = { do: "unpack-rootfs", status: "fetching_image" } as const;

/** Unpacks with a shell script that stands in for unsquashfs; its last two arguments are folder and file. */
async function unpack(script: string) {
  const workFolder = await scratchFolder();
  const unsquashfs = await program(workFolder, "unsquashfs", script);
  const baseRootfs = join(workFolder, "base.squashfs");
  await writeFile(baseRootfs, "squashed");
  const context = stepContext({ workFolder, tools: { unsquashfs }, state: { baseRootfs } });
  await unpackRootfs(context, UNPACK);
  return context;
}

describe("unpacking an image's root file system", () => {
  it("leaves the tree, tells how far it is, and gives the space of the squashfs back", async () => {
    const { state, reports, lines, workFolder } = await unpack(
      'printf "[=== ] 1/4  25%%\\r[====] 4/4 100%%\\n"; echo "created 1 files"; mkdir "$3"; cp "$4" "$3/all"',
    );
    expect(state.imageRoot).toBe(join(workFolder, "image/image-root"));
    expect(await readFile(join(workFolder, "image/image-root/all"), "utf8")).toBe("squashed");
    expect(reports.map(({ percent }) => percent)).toEqual([25, 100]);
    expect(lines).toContain("created 1 files");
    await expect(access(join(workFolder, "base.squashfs"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("fails with what unsquashfs said", async () => {
    await expect(unpack('echo "FATAL ERROR: no superblock" >&2; exit 1')).rejects.toMatchObject({
      code: "unpacking_failed",
      exitCode: 1,
      message: expect.stringContaining("no superblock"),
    });
  });

  it("fails too when something could not be restored, such as an attribute", async () => {
    await expect(unpack("exit 2")).rejects.toMatchObject({ code: "unpacking_failed", exitCode: 2 });
  });

  it("says that the disk is full", async () => {
    await expect(unpack('echo "write failed: No space left on device"; exit 1')).rejects.toMatchObject({
      code: "disk_full",
    });
  });
});

describe("checking for unsquashfs before anything is fetched", () => {
  it("fails when it is not installed, naming the package", async () => {
    const workFolder = await scratchFolder();
    const context = stepContext({ workFolder, tools: { unsquashfs: "/nowhere/unsquashfs" } });
    const tools = { ...context.tools, shell: standInShell().tool };
    const plan = { ...context.plan, shell: SHELL_ORDER };
    const checking = checkShell({ ...context, plan, tools }, { do: "check-shell", status: "fetching_image" });
    await expect(checking).rejects.toMatchObject({
      code: "build_tool_missing",
      hint: expect.stringContaining("squashfs-tools"),
    });
  });
});
