import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createPackageLists } from "../../adapters/package/packages.ts";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { scratchFolder } from "../support/archives.ts";

const run = createRunCommand({ env: plainEnvironment(process.env) });

async function call(file: string, ...args: readonly string[]): Promise<void> {
  const { exitCode, tail } = await run({ file, args, quiet: true });
  if (exitCode !== 0) throw new Error(`${file} ended with ${exitCode}: ${tail.join("\n")}`);
}

const SPEC = `Name: tiny
Epoch: 2
Version: 1.5
Release: 3
Summary: A package without files
License: none
BuildArch: noarch
%description
None.
%files
`;

/** An image root whose rpm database knows one package. */
async function rpmRoot(folder: string): Promise<string> {
  const base = await scratchFolder();
  await writeFile(join(base, "tiny.spec"), SPEC);
  await call("rpmbuild", "-bb", "--define", `_topdir ${base}/build`, join(base, "tiny.spec"));
  const root = join(base, "root");
  await mkdir(join(root, folder), { recursive: true });
  const dbpath = join(root, folder);
  await call("rpm", "--dbpath", dbpath, "--initdb");
  const file = join(base, "build/RPMS/noarch/tiny-1.5-3.noarch.rpm");
  await call("rpm", "--dbpath", dbpath, "--install", "--justdb", "--nodeps", file);
  return root;
}

async function write(imageRoot: string) {
  const scratch = await scratchFolder();
  const file = join(scratch, "packages.json");
  const { signal } = new AbortController();
  const written = await createPackageLists(run).write({ imageRoot, file, scratchFolder: scratch, signal });
  return { written, list: JSON.parse(await readFile(file, "utf8")) };
}

describe("the packages of an image, as its real database has them", () => {
  it.each(["var/lib/rpm", "usr/lib/sysimage/rpm"])("are listed by rpm from /%s", async (folder) => {
    const { written, list } = await write(await rpmRoot(folder));
    expect(written).toEqual({ manager: "rpm", count: 1 });
    expect(list.packages).toEqual([{ name: "tiny", version: "2:1.5-3", arch: "noarch" }]);
  });

  it("are those that dpkg itself tells of this machine", async () => {
    const told: string[] = [];
    const format = "${Package} ${Version} ${Architecture}\\n";
    await run({
      file: "dpkg-query",
      args: ["--show", `--showformat=${format}`],
      quiet: true,
      onLine: (line) => told.push(line),
    });
    const { list } = await write("/");
    const read: readonly { name: string; version: string; arch: string }[] = list.packages;
    expect(read.map(({ name, version, arch }) => `${name} ${version} ${arch}`).toSorted()).toEqual(
      told.toSorted(),
    );
  });
});
