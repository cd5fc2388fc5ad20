import { access, readlink } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "../../core/errors.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { isMissing } from "../process/errors.ts";

export interface PrivateDpkgOptions {
  /** When the caller knows; otherwise it is told by comparison with process 1. */
  readonly ownMountNamespace?: boolean;
  readonly dpkgFolder?: string;
  readonly signal?: AbortSignal;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw new DomainError("unavailable", "Cannot look at the machine's package database.", { cause: error });
  }
}

async function hasOwnMountNamespace(): Promise<boolean> {
  const [mine, first] = await Promise.all([readlink("/proc/self/ns/mnt"), readlink("/proc/1/ns/mnt")]);
  return mine !== first;
}

async function mayMountOver(folder: string, options: PrivateDpkgOptions): Promise<boolean> {
  if (process.getuid?.() !== 0 || !(await exists(folder))) return false;
  return options.ownMountNamespace ?? (await hasOwnMountNamespace());
}

/**
 * Gives this process and its children a package database of their own: kiwi 11 locks the machine's and leaves files in
 * it, so two builds at once on one machine would fail. Only where that touches nobody else: as root, in a mount
 * namespace of our own. The copy goes with the work folder, the mount with the namespace.
 * @returns whether it was done.
 */
export async function usePrivateDpkg(
  workFolder: string,
  run: RunCommand,
  options: PrivateDpkgOptions = {},
): Promise<boolean> {
  const folder = options.dpkgFolder ?? "/var/lib/dpkg";
  if (!(await mayMountOver(folder, options))) return false;
  const copy = join(workFolder, "dpkg");
  const commands = [
    { file: "cp", args: ["--archive", "--", folder, copy] },
    // else the mount could show in the namespace that this one was made from
    { file: "mount", args: ["--make-rprivate", "/"] },
    { file: "mount", args: ["--bind", copy, folder] },
  ];
  for (const command of commands) {
    const signal = options.signal ?? AbortSignal.timeout(60_000);
    const { exitCode, tail } = await run({ ...command, quiet: true, signal });
    if (exitCode !== 0)
      throw new DomainError("unavailable", `No package database of its own: ${tail.at(-1) ?? command.file}`);
  }
  return true;
}
