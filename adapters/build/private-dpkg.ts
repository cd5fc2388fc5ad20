import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isDomainError } from "../../core/errors.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { hasOwnMountNamespace, orNothing } from "../process/mount-namespace.ts";

const LIMIT_MS = 60_000;

export interface PrivateDpkgOptions {
  /** When the caller knows; otherwise these two are found out. */
  readonly ownMountNamespace?: boolean;
  readonly isRoot?: boolean;
  readonly dpkgFolder?: string;
}

export type PrivateDpkg = { readonly done: true } | { readonly done: false; readonly why: string };

async function obstacle(folder: string, options: PrivateDpkgOptions): Promise<string | undefined> {
  if ((await orNothing(stat(folder)))?.isDirectory() !== true) return "this machine has none";
  if (!(options.isRoot ?? process.getuid?.() === 0)) return "only root can mount";
  const own = options.ownMountNamespace ?? (await hasOwnMountNamespace());
  return own ? undefined : "the mount would show to the whole machine";
}

/** Why the command failed, in its own words; `undefined` when it did not. */
async function trouble(run: RunCommand, file: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { exitCode, tail } = await run({ file, args, quiet: true, signal: AbortSignal.timeout(LIMIT_MS) });
    return exitCode === 0 ? undefined : (tail.at(-1) ?? `${file} failed`);
  } catch (error) {
    if (isDomainError(error)) return error.message;
    throw error;
  }
}

/**
 * Gives this process and its children a package database of their own: kiwi 11 locks the machine's and leaves files in
 * it, so two builds at once on one machine would fail. Only where that touches nobody else: as root, in a mount
 * namespace of our own. The copy goes with the work folder, the mount with the namespace. A build alone on its machine
 * (a container that may not mount) does without.
 */
export async function usePrivateDpkg(
  workFolder: string,
  run: RunCommand,
  options: PrivateDpkgOptions = {},
): Promise<PrivateDpkg> {
  const folder = options.dpkgFolder ?? "/var/lib/dpkg";
  const copy = join(workFolder, "dpkg");
  const why =
    (await obstacle(folder, options)) ??
    // else the mount could show in the namespace that this one was made from
    (await trouble(run, "mount", ["--make-rprivate", "/"])) ??
    (await trouble(run, "cp", ["--archive", "--", folder, copy])) ??
    (await trouble(run, "mount", ["--bind", copy, folder]));
  return why === undefined ? { done: true } : { done: false, why };
}
