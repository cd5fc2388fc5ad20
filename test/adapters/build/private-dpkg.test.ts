import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { usePrivateDpkg } from "../../../adapters/build/private-dpkg.ts";
import type { Command, RunCommand } from "../../../core/ports/commands.ts";
import { scratchFolder } from "../../support/archives.ts";

/** Stands in for mount and cp, which a test must not really run. */
function recorder(failing?: string) {
  const commands: string[] = [];
  const run: RunCommand = ({ file, args }: Command) => {
    commands.push([file, ...args].join(" "));
    const fails = failing !== undefined && args.includes(failing);
    return Promise.resolve({ exitCode: fails ? 32 : 0, tail: fails ? ["not permitted"] : [] });
  };
  return { commands, run };
}

const OWN = { ownMountNamespace: true, isRoot: true };

describe("a private package database", () => {
  it("is a copy in the work folder, mounted where nobody else sees it", async () => {
    const base = await scratchFolder();
    const dpkgFolder = join(base, "dpkg-of-machine");
    await mkdir(dpkgFolder);
    const { commands, run } = recorder();
    const result = await usePrivateDpkg(base, run, { ...OWN, dpkgFolder });
    expect(result).toEqual({ done: true });
    expect(commands).toEqual([
      "mount --make-rprivate /",
      `cp --archive -- ${dpkgFolder} ${join(base, "dpkg")}`,
      `mount --bind ${join(base, "dpkg")} ${dpkgFolder}`,
    ]);
  });

  it("is done without where mounting is not allowed", async () => {
    const base = await scratchFolder();
    const { commands, run } = recorder("--make-rprivate");
    const result = await usePrivateDpkg(base, run, { ...OWN, dpkgFolder: base });
    expect(result).toEqual({ done: false, why: "not permitted" });
    expect(commands).toHaveLength(1);
  });

  it("is never mounted for the whole machine to see", async () => {
    const base = await scratchFolder();
    const { commands, run } = recorder();
    for (const shared of [{ ownMountNamespace: false }, { isRoot: false }]) {
      const result = await usePrivateDpkg(base, run, { ...OWN, ...shared, dpkgFolder: base });
      expect(result).toMatchObject({ done: false });
    }
    expect(commands).toEqual([]);
  });

  it("is not made on a machine that has none", async () => {
    const base = await scratchFolder();
    await writeFile(join(base, "file"), "");
    const { commands, run } = recorder();
    for (const name of ["missing", "file"]) {
      const result = await usePrivateDpkg(base, run, {
        ownMountNamespace: true,
        dpkgFolder: join(base, name),
      });
      expect(result).toEqual({ done: false, why: "this machine has none" });
    }
    expect(commands).toEqual([]);
  });
});
