import { isDomainError } from "../../../core/errors.ts";
import type { RunCommand } from "../../../core/ports/commands.ts";

/** The release that the sample recipe builds. */
const CODENAME = "bookworm";
const LIMIT_MS = 30_000;
const FIELDS = ["$(REPO_URI)", "$(CODENAME)", "$(COMPONENT)"];

/**
 * The address of the release's archive among what `apt-get indextargets` lists (address, codename and component, parted
 * by blanks); where there is none for this release, another Debian archive, which usually has all releases.
 */
export function chooseMirror(listing: readonly string[]): string | undefined {
  const targets = listing
    .map((line) => line.trim().split(/\s+/u))
    .map(([uri = "", codename = "", component = ""]) => ({ uri, codename, component }))
    .filter(({ uri, component }) => /^https?:\/\//u.test(uri) && component === "main");
  const exact = targets.find(({ codename }) => codename === CODENAME);
  const archive = targets.find(({ uri }) => /\/debian\/?$/u.test(uri));
  return (exact ?? archive)?.uri.replace(/\/+$/u, "");
}

/** The package archive that this machine itself uses; `undefined` when its apt names none, or there is no apt. */
export async function machineMirror(run: RunCommand, signal: AbortSignal): Promise<string | undefined> {
  const args = ["indextargets", "--format", FIELDS.join(" "), "Created-By: Packages"];
  const lines: string[] = [];
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
    await run({ file: "apt-get", args, signal: limited, onLine: (line) => lines.push(line) });
  } catch (error) {
    if (isDomainError(error, "not-found")) return undefined;
    throw error;
  }
  return chooseMirror(lines);
}
