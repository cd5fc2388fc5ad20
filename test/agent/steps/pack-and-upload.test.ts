import { createHash } from "node:crypto";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { createSquashfs } from "../../../adapters/package/squashfs.ts";
import type { Plan } from "../../../core/jobs/plan.ts";
import { collectBootFiles } from "../../../functions/agent/steps/collect-boot-files.ts";
import { packRootfs } from "../../../functions/agent/steps/pack-rootfs.ts";
import { upload } from "../../../functions/agent/steps/upload.ts";
import { scratchFolder } from "../../support/archives.ts";
import { httpServer } from "../../support/http-server.ts";
import { program } from "../../support/programs.ts";
import { NO_PARTS, stepContext } from "../../support/steps.ts";

const COLLECT = {
  do: "collect-boot-files",
  status: "packaging_artifacts",
  kernel: "vmlinuz",
  initrd: "initrd",
  kernel_parameters: "kernel-parameters",
} as const;
const PACK = {
  do: "pack-rootfs",
  status: "packaging_artifacts",
  options: { compression: "zstd", level: 3 },
} as const;

async function imageWith(files: readonly string[], links: readonly (readonly [string, string])[] = []) {
  const workFolder = await scratchFolder();
  const imageRoot = join(workFolder, "root");
  await mkdir(join(imageRoot, "boot"), { recursive: true });
  for (const name of files) await writeFile(join(imageRoot, "boot", name), name);
  for (const [name, target] of links) await symlink(target, join(imageRoot, "boot", name));
  return { workFolder, imageRoot };
}

async function collect(
  image: { workFolder: string; imageRoot: string },
  arch: Plan["arch"] = "x86_64",
  kernel = "vmlinuz",
) {
  const { workFolder, imageRoot } = image;
  const context = stepContext({ workFolder, arch, state: { imageRoot } });
  await collectBootFiles(context, { ...COLLECT, kernel });
  return context.state.bootFiles;
}

describe("collecting what an image boots with", () => {
  it("follows links inside the image", async () => {
    const image = await imageWith(
      ["vmlinuz-6", "initrd-6", "kernel-parameters"],
      [
        ["vmlinuz", "vmlinuz-6"],
        ["initrd", "/boot/initrd-6"],
      ],
    );
    const boot = join(image.imageRoot, "boot");
    expect(await collect(image)).toEqual({
      kernel: join(boot, "vmlinuz-6"),
      initrd: join(boot, "initrd-6"),
      bootParameters: join(boot, "kernel-parameters"),
    });
  });

  it("does without kernel parameters", async () => {
    expect(await collect(await imageWith(["vmlinuz", "initrd"]))).not.toHaveProperty("bootParameters");
  });

  it("takes Image for vmlinuz on aarch64, where there is one", async () => {
    const named = async (files: readonly string[], arch: Plan["arch"], kernel?: string) =>
      (await collect(await imageWith([...files, "initrd"]), arch, kernel))?.kernel.split("/").at(-1);
    expect(await named(["Image", "vmlinuz"], "aarch64")).toBe("Image");
    expect(await named(["vmlinuz"], "aarch64")).toBe("vmlinuz");
    expect(await named(["Image", "vmlinuz"], "x86_64")).toBe("vmlinuz");
    expect(await named(["Image", "other"], "aarch64", "other")).toBe("other");
  });

  it("fails for what is missing, a folder, or on the host, and tells what there is", async () => {
    const missing = { code: "packing_failed", message: expect.stringContaining("no kernel at boot/vmlinuz") };
    await expect(collect(await imageWith(["initrd", "bzImage"]))).rejects.toMatchObject({
      ...missing,
      hint: expect.stringContaining("It has: bzImage, initrd."),
    });
    await expect(collect(await imageWith(["initrd"], [["vmlinuz", "/etc/passwd"]]))).rejects.toMatchObject(
      missing,
    );
    const climbing = imageWith(["initrd"], [["vmlinuz", "../../../../../../../../../etc/passwd"]]);
    await expect(collect(await climbing)).rejects.toMatchObject(missing);
    await expect(collect(await imageWith(["initrd"], [["vmlinuz", "."]]))).rejects.toMatchObject(missing);
    await expect(collect(await imageWith(["vmlinuz"]))).rejects.toMatchObject({
      message: expect.stringContaining("no initrd"),
    });
    await expect(collect(await imageWith([]), "x86_64", "../../../etc/passwd")).rejects.toMatchObject({
      code: "packing_failed",
    });
  });
});

async function pack(script: string, free?: number) {
  const { workFolder, imageRoot } = await imageWith(["vmlinuz"]);
  const mksquashfs = await program(workFolder, "mksquashfs", script);
  const context = stepContext({ workFolder, tools: { mksquashfs }, state: { imageRoot } });
  const { space } = createSquashfs({ run: context.run });
  const squashfs = {
    ...context.tools.squashfs,
    isAmple: () => Promise.resolve(free === undefined),
    space: async (...given: Parameters<typeof space>) => ({
      ...(await space(...given)),
      ...(free === undefined ? {} : { free }),
    }),
  };
  await packRootfs({ ...context, tools: { ...context.tools, squashfs } }, PACK);
  return context;
}

describe("packing the root file system", () => {
  it("leaves the squashfs and tells how far it is", async () => {
    const { state, workFolder, lines, reports } = await pack(
      `printf '\\r[=] 1/2 50%%\\r[=] 2/2 100%%\\n'; echo "$*"`,
    );
    expect(state.rootfs).toBe(join(workFolder, "rootfs.squashfs"));
    expect(lines).toEqual([expect.stringContaining("-comp zstd -Xcompression-level 3")]);
    expect(reports.map(({ percent }) => percent)).toEqual([50, 100]);
  });

  it("is not begun when it cannot fit, saying how much it needs", async () => {
    await expect(pack("exit 0", 1)).rejects.toMatchObject({
      code: "disk_full",
      message: expect.stringMatching(/at least \d+ MiB/u),
    });
  });

  it("tells a full disk from other failures", async () => {
    const full =
      "echo 'Write failed because No space left on device'; echo 'FATAL ERROR: Failed to write'; exit 1";
    await expect(pack(full)).rejects.toMatchObject({ code: "disk_full", exitCode: 1 });
    await expect(pack("echo 'FATAL ERROR: xattr'; exit 1")).rejects.toMatchObject({
      code: "packing_failed",
      exitCode: 1,
      message: expect.stringContaining("FATAL ERROR: xattr"),
    });
  });

  it("names the package when mksquashfs is missing", async () => {
    const { workFolder, imageRoot } = await imageWith([]);
    const context = stepContext({ workFolder, tools: { mksquashfs: "/no/such/one" }, state: { imageRoot } });
    await expect(packRootfs(context, PACK)).rejects.toMatchObject({
      code: "build_tool_missing",
      hint: expect.stringContaining("squashfs-tools"),
    });
  });

  it("is a defect of the plan when nothing was built", async () => {
    const context = stepContext({ workFolder: await scratchFolder() });
    await expect(packRootfs(context, PACK)).rejects.toMatchObject({ code: "internal" });
  });
});

async function send(parts: readonly string[], status = 200) {
  const { workFolder, imageRoot } = await imageWith(["vmlinuz", "initrd", "kernel-parameters"]);
  const stored = new Map<string, string>();
  const types = new Map<string, string | undefined>();
  const url = await httpServer((request, response) => {
    types.set(request.url ?? "", request.headers["content-type"]);
    void buffer(request).then((body) => {
      stored.set(request.url ?? "", body.toString());
      return response.writeHead(status).end();
    });
  });
  const boot = join(imageRoot, "boot");
  const context = stepContext({
    workFolder,
    state: {
      rootfs: join(boot, "vmlinuz"),
      ...(parts.includes("packages") ? { packages: join(boot, "kernel-parameters") } : {}),
      bootFiles: {
        kernel: join(boot, "vmlinuz"),
        initrd: join(boot, "initrd"),
        ...(parts.includes("boot_parameters") ? { bootParameters: join(boot, "kernel-parameters") } : {}),
      },
    },
    service: {
      parts: NO_PARTS,
      uploadTarget: (part) =>
        Promise.resolve({ method: "PUT", headers: {}, url: `${url}/${part}`, expires_at: "" }),
    },
  });
  await upload(context, { do: "upload", status: "packaging_artifacts" });
  return { ...context, stored, types };
}

describe("uploading an image's parts", () => {
  it("sends each to its own place and tells what was sent", async () => {
    const { state, stored, reports } = await send(["boot_parameters"]);
    expect([...stored.keys()].sort()).toEqual(["/boot_parameters", "/initrd", "/kernel", "/rootfs"]);
    expect(stored.get("/boot_parameters")).toBe("kernel-parameters");
    expect(state.uploaded.map(({ part }) => part)).toEqual(["rootfs", "kernel", "initrd", "boot_parameters"]);
    const hash = (algorithm: string): string => createHash(algorithm).update("initrd").digest("hex");
    expect(state.uploaded[2]).toEqual({ part: "initrd", size: 6, md5: hash("md5"), sha256: hash("sha256") });
    expect(reports.at(-1)).toEqual({ message: "Uploading rootfs", percent: 100 });
  });

  it("sends the list of packages, where there is one, as JSON", async () => {
    const { state, types } = await send(["packages"]);
    expect(state.uploaded.map(({ part }) => part)).toEqual(["rootfs", "kernel", "initrd", "packages"]);
    expect(Object.fromEntries(types)).toMatchObject({
      "/rootfs": "application/octet-stream",
      "/packages": "application/json",
    });
  });

  it("leaves out parameters that the image has not", async () => {
    expect((await send([])).state.uploaded).toHaveLength(3);
  });

  it("fails when the service does not take one", async () => {
    await expect(send([], 413)).rejects.toMatchObject({
      code: "upload_failed",
      message: expect.stringMatching(/^The image's (?:rootfs|kernel|initrd) could not be stored.*HTTP 413/u),
      hint: expect.stringContaining("reached"),
    });
  });

  it("says so when the service has no space left", async () => {
    await expect(send([], 507)).rejects.toMatchObject({
      code: "upload_failed",
      message: expect.stringContaining("HTTP 507"),
      hint: expect.stringContaining("storage is full"),
    });
  });
});
