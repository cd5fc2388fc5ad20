import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createRunCommand } from "../../../adapters/process/spawn.ts";
import { createSpool } from "../../../adapters/process/spool.ts";
import { scratchFolder } from "../../support/archives.ts";

function spoolIn(path: string) {
  const spool = createSpool(path);
  onTestFinished(() => spool.close());
  return spool;
}

describe("a spool", () => {
  it("gives back what was appended, from any offset", async () => {
    const spool = spoolIn(join(await scratchFolder(), "log"));
    expect(spool.size()).toBe(0);
    spool.append(Buffer.from("abc"));
    spool.append(Buffer.from("defg"));
    expect(spool.size()).toBe(7);
    expect(Buffer.from(await spool.read(2, 3)).toString()).toBe("cde");
    expect(Buffer.from(await spool.read(5, 100)).toString()).toBe("fg");
    expect(await spool.read(7, 10)).toHaveLength(0);
  });

  it("begins anew where an earlier one was", async () => {
    const path = join(await scratchFolder(), "log");
    spoolIn(path).append(Buffer.from("old"));
    expect(spoolIn(path).size()).toBe(0);
  });

  it("keeps the first MiB in memory when the disk takes nothing", async () => {
    const spool = spoolIn("/dev/full");
    const bytes = randomBytes(700_000);
    spool.append(bytes);
    spool.append(bytes);
    spool.append(bytes);
    expect(spool.size()).toBe(1_048_576);
    const all = Buffer.concat([await spool.read(0, 500_000), await spool.read(500_000, 10_000_000)]);
    expect(all.equals(Buffer.concat([bytes, bytes]).subarray(0, 1_048_576))).toBe(true);
  });

  it.runIf(process.getuid?.() === 0)("does without a file when there is no room for one", async () => {
    const folder = await scratchFolder();
    const run = createRunCommand({ env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
    await run({ file: "mount", args: ["-t", "tmpfs", "-o", "nr_inodes=1", "none", folder] });
    onTestFinished(async () => void (await run({ file: "umount", args: [folder] })));
    const spool = createSpool(join(folder, "log"));
    spool.append(Buffer.from("abc"));
    expect(Buffer.from(await spool.read(1, 9)).toString()).toBe("bc");
  });

  it("says so when its folder is gone", () => {
    expect(() => createSpool("/no/such/folder/log")).toThrow("The job's log cannot be written. (ENOENT)");
  });
});
