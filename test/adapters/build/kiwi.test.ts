import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createKiwi } from "../../../adapters/build/kiwi.ts";
import { createRunCommand } from "../../../adapters/process/spawn.ts";
import { plainEnvironment } from "../../../adapters/process/environment.ts";
import { scratchFolder } from "../../support/archives.ts";
import { program } from "../../support/programs.ts";

const run = createRunCommand({ env: plainEnvironment(process.env) });
const forever = new AbortController().signal;

async function prepareWith(script: string, imageType?: string) {
  const base = await scratchFolder();
  const kiwi = createKiwi({ run, program: await program(base, "kiwi-ng", script), machine: "x64" });
  const logged: string[] = [];
  const reports: [string, number | undefined][] = [];
  const result = await kiwi.prepare({
    recipeFolder: base,
    imageRoot: join(base, "build/image-root"),
    scratchFolder: join(base, "kiwi"),
    ...(imageType === undefined ? {} : { imageType }),
    onLine: (line) => logged.push(line),
    onProgress: (message, percent) => reports.push([message, percent]),
    signal: forever,
  });
  return { base, logged, reports, ...result };
}

describe("kiwi", () => {
  it("is asked for its version, whichever it is", async () => {
    const base = await scratchFolder();
    for (const version of ["9.24.56", "10.2.33", "11.0.1"]) {
      const file = await program(base, "kiwi-ng", `echo "KIWI (next generation) version ${version}"`);
      expect(await createKiwi({ run, program: file, machine: "x64" }).version(forever)).toBe(version);
    }
  });

  it("is missed when it is not there", async () => {
    const kiwi = createKiwi({ run, program: "/no/such/kiwi-ng", machine: "x64" });
    await expect(kiwi.version(forever)).rejects.toMatchObject({ code: "not-found" });
  });

  it("is not trusted when it does not tell its version", async () => {
    const file = await program(await scratchFolder(), "kiwi-ng", "echo Traceback; exit 1");
    const kiwi = createKiwi({ run, program: file, machine: "x64" });
    await expect(kiwi.version(forever)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("knows the machine by the name that jobs use", () => {
    expect(createKiwi({ run, machine: "x64" }).machineArch).toBe("x86_64");
    expect(createKiwi({ run, machine: "arm64" }).machineArch).toBe("aarch64");
    expect(createKiwi({ run, machine: "riscv64" }).machineArch).toBeUndefined();
  });

  it("trusts packages by the site's keys where there are some", async () => {
    const base = await scratchFolder();
    const keys = join(base, "keys");
    await mkdir(join(keys, "..data"), { recursive: true });
    for (const name of ["b.asc", "a.asc"]) await writeFile(join(keys, name), "key");
    const file = await program(base, "kiwi-ng", 'printf "%s\\n" "$@"');
    for (const [folder, wanted] of [
      [keys, [`--signing-key=${keys}/a.asc`, `--signing-key=${keys}/b.asc`]],
      [join(base, "none"), []],
    ] as const) {
      const kiwi = createKiwi({ run, program: file, machine: "x64", signingKeys: folder });
      const { lines } = await kiwi.prepare({
        recipeFolder: base,
        imageRoot: join(base, "build/image-root"),
        scratchFolder: join(base, "kiwi"),
        onLine: () => undefined,
        onProgress: () => undefined,
        signal: forever,
      });
      expect(lines.filter((line) => line.startsWith("--signing-key"))).toEqual(wanted);
    }
  });

  it("prepares an image root with everything it needs below the work folder", async () => {
    const { base, lines, exitCode } = await prepareWith('printf "%s\\n" "$@" "$LC_ALL" "$PWD"', "tbz");
    expect(exitCode).toBe(0);
    expect(lines).toEqual([
      "--debug",
      "--logfile",
      join(base, "kiwi/kiwi.log"),
      "--shared-cache-dir",
      join(base, "kiwi/cache"),
      "--temp-dir",
      join(base, "kiwi/tmp"),
      "--type",
      "tbz",
      "system",
      "prepare",
      "--description",
      base,
      "--root",
      join(base, "build/image-root"),
      "C.UTF-8",
      join(base, "kiwi"),
    ]);
    expect((await stat(join(base, "kiwi/tmp"))).isDirectory()).toBe(true);
    await expect(stat(join(base, "build/image-root"))).rejects.toThrow(/ENOENT/u);
  });

  it("tells what it does as it goes, and its last words with its exit code", async () => {
    const { reports, lines, exitCode } = await prepareWith(
      [
        'echo "[ INFO    ]: 20:00:00 | Installing bootstrap packages"',
        'printf "\\r[ INFO    ]: Processing: [##  ] 50%%\\r[ INFO    ]: Processing: [####] 100%%\\n"',
        'echo "[ DEBUG   ]: 20:00:00 | EXEC: [rm]"',
        'echo "[ ERROR   ]: 20:00:00 | KiwiScriptFailed: x" >&2; exit 3',
      ].join("\n"),
    );
    expect(exitCode).toBe(3);
    expect(reports).toEqual([
      ["Installing bootstrap packages", undefined],
      ["Installing bootstrap packages", 50],
      ["Installing bootstrap packages", 100],
    ]);
    expect(lines.toSorted()).toEqual([
      "[ ERROR   ]: 20:00:00 | KiwiScriptFailed: x",
      "[ INFO    ]: 20:00:00 | Installing bootstrap packages",
    ]);
  });

  it("keeps only so many of its last lines", async () => {
    const { logged, lines: kept } = await prepareWith("seq 1 1000");
    expect(logged).toHaveLength(1000);
    expect(kept).toHaveLength(200);
    expect(kept.at(-1)).toBe("1000");
  });
});

describe("finding a recipe's description", () => {
  const kiwi = createKiwi({ run, machine: "x64" });

  it("takes config.xml, a name of kiwi's own, or either in the one top folder", async () => {
    const base = await scratchFolder();
    expect(await kiwi.locate(base)).toBeUndefined();
    await mkdir(join(base, "top"));
    expect(await kiwi.locate(base)).toBeUndefined();
    await writeFile(join(base, "top/appliance.kiwi"), "<image/>");
    expect(await kiwi.locate(base)).toBe(join(base, "top"));
    await mkdir(join(base, "other"));
    expect(await kiwi.locate(base)).toBeUndefined();
    await writeFile(join(base, "config.xml"), "<image/>");
    expect(await kiwi.locate(base)).toBe(base);
  });

  it("reads config.xml rather than another, and only a file of the recipe", async () => {
    const base = await scratchFolder();
    const recipe = join(base, "recipe");
    await mkdir(recipe);
    await writeFile(join(base, "outside.xml"), "<image/>");
    await symlink("../outside.xml", join(recipe, "config.xml"));
    expect(await kiwi.locate(recipe)).toBeUndefined();
    await expect(kiwi.describe(recipe, "x86_64")).rejects.toMatchObject({ code: "invalid" });
    await writeFile(join(recipe, "a.kiwi"), "<image><preferences><type image='oem'/></preferences></image>");
    expect((await kiwi.describe(recipe, "x86_64")).imageTypes).toEqual(["oem"]);
    expect(await readFile(join(base, "outside.xml"), "utf8")).toBe("<image/>");
  });
});
