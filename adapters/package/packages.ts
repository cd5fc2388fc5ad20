import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DomainError, isDomainError } from "../../core/errors.ts";
import {
  type PackageList,
  packageListText,
  readDpkgStatus,
  readRpmLines,
  RPM_QUERY,
} from "../../core/images/package-list.ts";
import type { PackageListOrder, PackageTool } from "../../core/ports/agent-tools.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { fileError } from "../archive/fs-errors.ts";
import { fileInside, lookInside } from "../archive/inside.ts";

const DPKG_STATUS = "var/lib/dpkg/status";
const RPM_FOLDERS = ["usr/lib/sysimage/rpm", "var/lib/rpm"];
/** A distribution with every package has a tenth of it. */
const LARGEST_STATUS = 256 * 2 ** 20;
const RPM_LIMIT_MS = 300_000;

async function dpkgList(imageRoot: string): Promise<PackageList | undefined> {
  const path = await fileInside(imageRoot, DPKG_STATUS);
  if (path === undefined) return undefined;
  if ((await stat(path)).size > LARGEST_STATUS)
    throw new DomainError("invalid", `The image's ${DPKG_STATUS} is too large to be one.`);
  const list = readDpkgStatus(await readFile(path, "utf8"));
  return list.packages.length === 0 ? undefined : list;
}

/** The files of the image's rpm database; links and folders are not part of one. */
async function rpmFiles(imageRoot: string): Promise<readonly string[]> {
  for (const name of RPM_FOLDERS) {
    const folder = await lookInside(imageRoot, name);
    if (folder?.stats.isDirectory() !== true) continue;
    const entries = await readdir(folder.path, { withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(folder.path, entry.name));
    if (files.some((file) => /(?:Packages(?:\.db)?|rpmdb\.sqlite)$/u.test(file))) return files;
  }
  return [];
}

/** Asks a copy: rpm writes beside a database that it only reads, and the image must stay as it is. */
async function askRpm(run: RunCommand, copy: string, signal: AbortSignal): Promise<PackageList> {
  const lines: string[] = [];
  const args = ["--dbpath", copy, "--query", "--all", "--queryformat", RPM_QUERY];
  const limit = AbortSignal.any([signal, AbortSignal.timeout(RPM_LIMIT_MS)]);
  try {
    const { exitCode, tail } = await run({
      file: "rpm",
      args,
      env: { HOME: copy },
      quiet: true,
      onLine: (line) => lines.push(line),
      signal: limit,
    });
    if (exitCode === 0) return readRpmLines(lines);
    throw new DomainError(
      "invalid",
      `rpm ended with exit code ${exitCode}: ${(tail.at(-1) ?? "").slice(0, 300)}`,
    );
  } catch (error) {
    if (!isDomainError(error, "not-found")) throw error;
    throw new DomainError("not-found", "rpm is missing on this machine.", { cause: error });
  }
}

async function rpmList(run: RunCommand, order: PackageListOrder): Promise<PackageList | undefined> {
  const files = await rpmFiles(order.imageRoot);
  if (files.length === 0) return undefined;
  const copy = join(order.scratchFolder, "rpmdb");
  try {
    await mkdir(copy, { recursive: true, mode: 0o700 });
    for (const file of files) await cp(file, join(copy, file.slice(file.lastIndexOf("/") + 1)));
    return await askRpm(run, copy, order.signal);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** Reads package databases of images from outside: no program of the image runs. */
export function createPackageLists(run: RunCommand): PackageTool {
  return {
    async write(order) {
      try {
        const list = (await dpkgList(order.imageRoot)) ?? (await rpmList(run, order));
        if (list === undefined) return undefined;
        await writeFile(order.file, packageListText(list));
        return { manager: list.manager, count: list.packages.length };
      } catch (error) {
        throw fileError(error, "listing the image's packages");
      }
    },
  };
}
