import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { run } from "./measure.ts";

/**
 * Does the work in the folder of a new file system, whose disk is a file in `scratch`. ext4 gives no inode away again for
 * up to 35 s, and looks at each of them for each new file meanwhile: after a large tree was removed, making another one
 * beside it takes up to twenty times as long. Needs root and loop devices.
 */
export async function onFreshDisk<T>(
  scratch: string,
  gibibytes: number,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const place = mkdtempSync(path.join(scratch, "disk-"));
  const [file, folder] = [path.join(place, "disk"), path.join(place, "mounted")];
  writeFileSync(file, "");
  truncateSync(file, gibibytes * 2 ** 30);
  mkdirSync(folder);
  // All of it at once: the kernel would do the rest while the work is timed.
  await run("mkfs.ext4", ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", file]);
  await run("mount", ["-o", "loop", file, folder]);
  try {
    return await work(folder);
  } finally {
    await run("umount", [folder]);
    rmSync(place, { recursive: true });
  }
}
