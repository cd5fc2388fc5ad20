import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { qemuCommand } from "../../infra/boot/qemu.ts";

const SCRIPT = join(import.meta.dirname, "../../infra/boot/boot.ts");
const emulator = qemuCommand({ kernel: "", initrd: "", rootfs: "" }, process.arch, 1)?.file ?? "";

let folder = "";

/** Stands in for the emulator, so that what its console says is ours to choose. */
async function boot(script: string, ...more: readonly string[]) {
  await writeFile(join(folder, emulator), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, emulator), 0o755);
  const env = plainEnvironment(process.env);
  const run = createRunCommand({ env: { ...env, PATH: `${folder}:${env["PATH"] ?? ""}` } });
  const files = ["--kernel", "k", "--initrd", "i", "--rootfs", "r", "--log", join(folder, "console.log")];
  return run({
    file: process.execPath,
    args: [SCRIPT, ...files, ...more],
    signal: AbortSignal.timeout(60_000),
  });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ims-boot-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("boot.ts", () => {
  it("ends well when the greeting was seen, and keeps the console in the log", async () => {
    const result = await boot(`echo booting; echo "IMS-BOOT-OK host 6.1"; echo bye`);
    expect(result.exitCode).toBe(0);
    expect(result.tail.at(-1)).toContain("IMS-BOOT-OK host 6.1");
    expect(await readFile(join(folder, "console.log"), "utf8")).toBe("booting\nIMS-BOOT-OK host 6.1\nbye\n");
  });

  it("fails when the machine ends without a greeting", async () => {
    const result = await boot("echo Kernel panic; exit 0");
    expect(result.exitCode).toBe(1);
    expect(result.tail.at(-1)).toContain("No greeting");
  });

  it("ends a machine that hangs, at the limit, and fails", async () => {
    const result = await boot("echo hanging; exec sleep 600", "--limit", "1");
    expect(result.exitCode).toBe(1);
    expect(result.tail.at(-1)).toContain("limit of 1 s");
  });

  it("says how it is used when it is not told what to boot", async () => {
    const run = createRunCommand({ env: plainEnvironment(process.env) });
    const result = await run({ file: process.execPath, args: [SCRIPT, "--kernel", "k"] });
    expect(result.exitCode).toBe(2);
    expect(result.tail[0]).toContain("usage: boot.ts");
  });
});
