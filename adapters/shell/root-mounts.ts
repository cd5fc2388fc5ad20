import { chmod, chown, lstat, mkdir, rmdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "../../core/errors.ts";
import { lookInside } from "../archive/inside.ts";
import { codeOf, isMissing } from "../process/errors.ts";
import type { Mounter } from "./mounter.ts";

const DEVICES = ["null", "zero", "full", "random", "urandom", "tty"] as const;
const LINKS = {
  ptmx: "pts/ptmx",
  fd: "/proc/self/fd",
  stdin: "/proc/self/fd/0",
  stdout: "/proc/self/fd/1",
  stderr: "/proc/self/fd/2",
} as const;
const SAFE = "nosuid,noexec,nodev";

/** An image root that is made ready to be worked in. */
export interface ReadyRoot {
  /** Where /proc belongs: its processes are known only to who starts them. */
  readonly proc: string;
  /** Takes away the folders that were made to mount on, and gives the root folder back its owner and mode. */
  restore(): Promise<void>;
}

/** The folder of that name, as a program inside would find it; made when there is none. */
async function folderInside(root: string, name: string, made: string[]): Promise<string> {
  const found = await lookInside(root, name);
  if (found?.stats.isDirectory() === true) return found.path;
  const path = join(root, name);
  try {
    await mkdir(path, { mode: 0o755 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    throw new DomainError("invalid", `/${name} of the image is no folder.`, { cause: error });
  }
  made.push(path);
  return path;
}

/** Devices that harm nobody, terminals of the shell alone. */
async function mountPrivateDevices(mounter: Mounter, dev: string): Promise<void> {
  await mounter.mount(dev, ["-t", "tmpfs", "-o", "mode=755,nosuid,noexec", "tmpfs"]);
  for (const name of DEVICES) {
    await writeFile(join(dev, name), "");
    await mounter.mount(join(dev, name), ["--bind", `/dev/${name}`]);
  }
  for (const [name, target] of Object.entries(LINKS)) await symlink(target, join(dev, name));
  await mkdir(join(dev, "pts"));
  await mkdir(join(dev, "shm"));
}

/** A kernel that has no such folder on its devtmpfs does without: it is the whole machine's, nothing is made there. */
async function mountTerminals(mounter: Mounter, dev: string): Promise<void> {
  const isThere = (path: string) =>
    stat(path)
      .then((found) => found.isDirectory())
      .catch(() => false);
  const [pts, shm] = [join(dev, "pts"), join(dev, "shm")];
  if (await isThere(pts)) await mounter.mount(pts, ["--bind", "/dev/pts"]);
  if (await isThere(shm)) await mounter.mount(shm, ["-t", "tmpfs", "-o", "mode=1777,nosuid,nodev", "tmpfs"]);
}

/** sshd takes a root folder for a jail only if nobody but root can write to it. */
async function closeRoot(root: string): Promise<() => Promise<void>> {
  const before = await lstat(root);
  const mode = before.mode & 0o7777;
  if (before.uid === 0 && (mode & 0o022) === 0) return async () => undefined;
  await chown(root, 0, 0);
  await chmod(root, 0o755);
  return async () => {
    const after = await lstat(root);
    if (after.uid !== 0 || (after.mode & 0o7777) !== 0o755) return;
    await chown(root, before.uid, before.gid);
    await chmod(root, mode);
  };
}

/** What a package manager expects below an image root: /sys, /dev, /run. With `dkms`, what building a module needs. */
export async function prepareRoot(mounter: Mounter, root: string, dkms: boolean): Promise<ReadyRoot> {
  const made: string[] = [];
  const reopen = await closeRoot(root);
  const sys = await folderInside(root, "sys", made);
  await mounter.mount(sys, ["-t", "sysfs", "-o", dkms ? SAFE : `ro,${SAFE}`, "sysfs"]);
  const dev = await folderInside(root, "dev", made);
  if (dkms) await mounter.mount(dev, ["-t", "devtmpfs", "-o", "nosuid", "devtmpfs"]);
  else await mountPrivateDevices(mounter, dev);
  await mountTerminals(mounter, dev);
  const run = await folderInside(root, "run", made);
  await mounter.mount(run, ["-t", "tmpfs", "-o", "mode=755,nosuid,nodev", "tmpfs"]);
  await mkdir(join(run, "lock"));
  await chmod(join(run, "lock"), 0o1777);
  const proc = await folderInside(root, "proc", made);
  return {
    proc,
    restore: async () => {
      for (const folder of made.reverse()) await removeIfEmpty(folder);
      await reopen();
    },
  };
}

/** A user may have put something there on purpose, or taken it away. */
async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (!isMissing(error) && codeOf(error) !== "ENOTEMPTY" && codeOf(error) !== "EEXIST") throw error;
  }
}
