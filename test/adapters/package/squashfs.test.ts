import { statfs, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createSquashfs, packArguments, readBar } from "../../../adapters/package/squashfs.ts";
import { plainEnvironment } from "../../../adapters/process/environment.ts";
import { createRunCommand } from "../../../adapters/process/spawn.ts";
import { scratchFolder } from "../../support/archives.ts";
import { program } from "../../support/programs.ts";

const run = createRunCommand({ env: plainEnvironment(process.env) });
const forever = new AbortController().signal;

async function packWith(script: string) {
  const base = await scratchFolder();
  const logged: string[] = [];
  const percents: number[] = [];
  const result = await createSquashfs({ run, program: await program(base, "mksquashfs", script) }).pack({
    folder: base,
    file: join(base, "out"),
    options: { compression: "zstd" },
    onLine: (line) => logged.push(line),
    onPercent: (percent) => percents.push(percent),
    signal: forever,
  });
  return { ...result, logged, percents };
}

describe("packing with mksquashfs", () => {
  it("says how to compress, with a level only where there is one", () => {
    const rest = (options: Parameters<typeof packArguments>[2]) =>
      packArguments("/root", "/out", options)
        .join(" ")
        .replace(/^.*-comp /u, "");
    expect(rest({ compression: "zstd", level: 3 })).toBe("zstd -Xcompression-level 3");
    expect(rest({ compression: "gzip" })).toBe("gzip");
    expect(rest({ compression: "lz4", level: 3 })).toBe("lz4");
    expect(rest({ compression: "xz", level: 3, processors: 2 })).toBe("xz -processors 2");
  });

  it("keeps mksquashfs, which else takes a quarter of the machine's memory, within half of what the job may use", () => {
    const memoryOf = (bytes?: number) =>
      packArguments("/root", "/out", { compression: "gzip" }, bytes)
        .join(" ")
        .match(/-mem (\d+)M/u)?.[1];
    expect(memoryOf()).toBeUndefined();
    expect(memoryOf(2 ** 28)).toBe("128");
    expect(memoryOf(2 ** 60)).toBe(String(Math.floor(totalmem() / 4 / 2 ** 20)));
  });

  it("reads percent off its bar, and nothing off other lines", () => {
    expect(readBar("[=====================================|         ] 2748/3000  91%")).toBe(91);
    expect(readBar("\r[/                                  ]    0/8798   0%")).toBe(0);
    expect(readBar("\t89.26% of uncompressed filesystem size (0.35 Kbytes)")).toBeUndefined();
    expect(readBar("")).toBeUndefined();
  });

  it("tells percent apart from what is worth a line", async () => {
    const { percents, logged, lines, exitCode } = await packWith(
      "printf '\\r[=-   ] 1/4 25%%\\r[====/] 4/4 100%%\\n\\nExportable Squashfs\\n'; exit 7",
    );
    expect(percents).toEqual([25, 100]);
    expect(logged).toEqual(["Exportable Squashfs"]);
    expect(lines).toEqual(logged);
    expect(exitCode).toBe(7);
  });

  it("is missed when it is not there", async () => {
    const squashfs = createSquashfs({ run, program: "/no/such/mksquashfs" });
    const packing = squashfs.pack({
      folder: "/nowhere",
      file: "/nowhere",
      options: { compression: "zstd" },
      onLine: () => undefined,
      onPercent: () => undefined,
      signal: forever,
    });
    await expect(packing).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("the space that packing needs", () => {
  it("grows with what is to be packed", async () => {
    const folder = await scratchFolder();
    const { space } = createSquashfs({ run });
    const before = await space(folder, join(folder, "out"), forever);
    await writeFile(join(folder, "large"), Buffer.alloc(8_000_000, "x"));
    const after = await space(folder, join(folder, "out"), forever);
    expect(after.needed - before.needed).toBeGreaterThanOrEqual(2_000_000);
    expect(after.needed).toBeLessThan(8_000_000);
    expect(after.free).toBeGreaterThan(0);
  });

  it("need not be counted where the disk is less than four fifths full", async () => {
    const folder = await scratchFolder();
    const { bavail, bfree, blocks } = await statfs(folder);
    const { isAmple } = createSquashfs({ run: () => Promise.reject(new Error("nothing is run")) });
    expect(await isAmple(folder, join(folder, "out"))).toBe(bavail >= (blocks - bfree) * 0.25);
    // a tree on another disk may be of any size
    expect(await isAmple("/proc/self", join(folder, "out"))).toBe(false);
  });

  it("cannot be told of what is not there", async () => {
    const { space } = createSquashfs({ run });
    await expect(space("/no/such/folder", "/tmp/out", forever)).rejects.toMatchObject({
      code: "unavailable",
    });
  });
});

describe("what is mounted below", () => {
  it("is nothing in a plain folder", async () => {
    expect(await createSquashfs({ run }).unmountBelow(await scratchFolder())).toEqual([]);
  });
});
