import { readdir, stat } from "node:fs/promises";
import * as v from "valibot";
import { DomainError, isDomainError } from "../../core/errors.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { asDomainError, isMissing } from "./errors.ts";

const LIMIT_MILLISECONDS = 10_000;

/** A loop device with the file behind it. */
export interface LoopDevice {
  readonly device: string;
  /** Where it was opened. Once the mounts of its opener are gone, it has lost its beginning. */
  readonly file: string;
  readonly inode: number;
  /** `major:minor` of the file's own disk. */
  readonly disk: string;
}

const Listing = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    loopdevices: v.array(
      v.object({
        name: v.string(),
        "back-ino": v.nullable(v.number()),
        "back-maj:min": v.nullable(v.string()),
        "back-file": v.nullable(v.string()),
      }),
    ),
  }),
);

const COLUMNS = "NAME,BACK-INO,BACK-MAJ:MIN,BACK-FILE";

/** Those of the machine that have a file. */
export async function listLoopDevices(run: RunCommand): Promise<readonly LoopDevice[]> {
  if (!(await anyInUse())) return [];
  const lines: string[] = [];
  try {
    const signal = AbortSignal.timeout(LIMIT_MILLISECONDS);
    const args = ["--list", "--json", "--output", COLUMNS];
    await run({ file: "losetup", args, quiet: true, signal, onLine: (line) => lines.push(line) });
  } catch (error) {
    if (isDomainError(error, "not-found")) return [];
    throw asDomainError(error, "The loop devices cannot be listed.");
  }
  const listing = v.safeParse(Listing, lines.join("\n"));
  if (!listing.success) return [];
  return listing.output.loopdevices.map((entry) => ({
    device: entry.name,
    file: entry["back-file"] ?? "",
    inode: entry["back-ino"] ?? 0,
    disk: (entry["back-maj:min"] ?? "").trim(),
  }));
}

/** Only a device that is in use has this folder. */
async function anyInUse(): Promise<boolean> {
  try {
    for (const name of await readdir("/sys/block"))
      if (name.startsWith("loop") && (await readdir(`/sys/block/${name}`)).includes("loop")) return true;
    return false;
  } catch (error) {
    if (isMissing(error)) return false;
    throw asDomainError(error, "The loop devices cannot be listed.");
  }
}

/**
 * Those whose file is, or was, in this folder (given without links): by the path under which it was opened and, where
 * the mounts of its opener are gone, by its inode. `disks`: and all of these file systems, as `major:minor`.
 */
export async function loopDevicesOf(
  folder: string,
  run: RunCommand,
  disks: ReadonlySet<string> = new Set(),
): Promise<readonly LoopDevice[]> {
  const all = await listLoopDevices(run);
  const found: LoopDevice[] = [];
  const disk = all.length === 0 ? undefined : await diskOf(folder);
  for (const each of all) {
    const known = each.file.startsWith(`${folder}/`) || disks.has(each.disk);
    if (known || (each.disk === disk && (await holds(folder, each.inode, run)))) found.push(each);
  }
  return found;
}

async function diskOf(folder: string): Promise<string | undefined> {
  try {
    const { dev } = await stat(folder);
    return `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw asDomainError(error, "A work folder cannot be looked at.");
  }
}

async function holds(folder: string, inode: number, run: RunCommand): Promise<boolean> {
  const args = [folder, "-xdev", "-inum", String(inode), "-print", "-quit"];
  const { tail } = await run({
    file: "find",
    args,
    quiet: true,
    signal: AbortSignal.timeout(LIMIT_MILLISECONDS),
  });
  return tail.some((line) => line.startsWith(folder));
}

/**
 * Frees the devices that still have the file that they had when they were listed. What is mounted from one frees it
 * when it goes.
 * @throws `unavailable` when one keeps it.
 */
export async function detachLoopDevices(devices: readonly LoopDevice[], run: RunCommand): Promise<void> {
  if (devices.length === 0) return;
  for (const { device } of await stillAttached(devices, run)) {
    const signal = AbortSignal.timeout(LIMIT_MILLISECONDS);
    await run({ file: "losetup", args: ["--detach", device], quiet: true, signal });
  }
  const [stays] = await stillAttached(devices, run);
  if (stays !== undefined)
    throw new DomainError("unavailable", `A loop device of a job stays attached: ${stays.device}.`);
}

async function stillAttached(
  devices: readonly LoopDevice[],
  run: RunCommand,
): Promise<readonly LoopDevice[]> {
  const isSame = (a: LoopDevice, b: LoopDevice): boolean =>
    a.device === b.device && a.inode === b.inode && a.disk === b.disk;
  return (await listLoopDevices(run)).filter((now) => devices.some((device) => isSame(device, now)));
}
