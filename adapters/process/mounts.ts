import { readFile } from "node:fs/promises";
import { DomainError } from "../../core/errors.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { asDomainError, codeOf, isMissing } from "./errors.ts";

const LIMIT_MILLISECONDS = 20_000;

/** mountinfo writes space, tab, newline and backslash as octal numbers. */
function unescape(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/gu, (_, octal: string) =>
    String.fromCodePoint(Number.parseInt(octal, 8)),
  );
}

/** Mount points at or below a folder in the text of /proc/self/mountinfo, in the order in which to unmount them. */
export function mountPointsBelow(mountinfo: string, folder: string): readonly string[] {
  return mountinfo
    .split("\n")
    .map((line) => unescape(line.split(" ")[4] ?? ""))
    .filter((point) => point === folder || point.startsWith(`${folder}/`))
    .reverse();
}

async function mountsBelow(folder: string): Promise<readonly string[]> {
  try {
    return mountPointsBelow(await readFile("/proc/self/mountinfo", "utf8"), folder);
  } catch (error) {
    throw asDomainError(error, "The table of mounts cannot be read.");
  }
}

/** What is mounted below a folder, but not on it: a work folder may be a volume of its own. */
export async function mountsInside(folder: string): Promise<readonly string[]> {
  return (await mountsBelow(folder)).filter((point) => point !== folder);
}

async function disksOf(pid: number | "self"): Promise<readonly string[]> {
  try {
    const mountinfo = await readFile(`/proc/${pid}/mountinfo`, "utf8");
    return mountinfo.split("\n").flatMap((line) => line.split(" ")[2] ?? []);
  } catch (error) {
    // One that has ended, or has no mounts any more, has none.
    if (pid !== "self" && (isMissing(error) || codeOf(error) === "EINVAL" || codeOf(error) === "EACCES"))
      return [];
    throw asDomainError(error, "The table of mounts cannot be read.");
  }
}

/** File systems, as `major:minor`, that these processes have mounted and this one has not. */
export async function disksOnlyOf(pids: readonly number[]): Promise<ReadonlySet<string>> {
  const own = new Set(await disksOf("self"));
  const theirs = await Promise.all(pids.map(disksOf));
  return new Set(theirs.flat().filter((disk) => !own.has(disk)));
}

/**
 * Unmounts everything below a folder (given without links), the deepest first; what is busy is taken out of sight and
 * goes when its last user does.
 * @throws `unavailable` when something stays mounted.
 */
export async function unmountInside(folder: string, run: RunCommand): Promise<void> {
  for (const point of await mountsInside(folder)) {
    const signal = AbortSignal.timeout(LIMIT_MILLISECONDS);
    const orderly = await run({ file: "umount", args: ["--no-canonicalize", point], signal, quiet: true });
    if (orderly.exitCode !== 0) {
      await run({ file: "umount", args: ["--no-canonicalize", "--lazy", point], signal, quiet: true });
    }
  }
  const left = await mountsInside(folder);
  if (left.length > 0) {
    throw new DomainError("unavailable", `Still mounted below the work folder: ${left.join(", ")}.`);
  }
}
