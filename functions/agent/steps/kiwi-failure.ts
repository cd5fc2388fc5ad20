import type { FailureCode } from "../../../core/jobs/failure.ts";
import { type BuilderFailure, shortened } from "./builder-failure.ts";
import { LOG_HINT } from "./failing.ts";
import { nameRepositories } from "./silent-repositories.ts";

/** Characters of kiwi's words that are kept: how they begin, and how they end, where a script tells why it failed. */
const BEGINNING = 200;
const END = 400;

function shorten(text: string): string {
  return shortened(text, BEGINNING, END);
}

/** What kiwi reports as the error: the message of its last ERROR line, which may go on for several lines. */
function errorText(lines: readonly string[]): string {
  const at = lines.findLastIndex((line) => /^\[ (?:ERROR|CRITICAL) +\]:/u.test(line));
  if (at < 0) return "";
  const rest = lines.slice(at + 1);
  const end = rest.findIndex((line) => /^\[ [A-Z]+ +\]:/u.test(line));
  const text = [lines[at] ?? "", ...rest.slice(0, end < 0 ? rest.length : end)].join(" ");
  return text
    .replace(/^\[ [A-Z]+ +\]: [\d:]+ \| /u, "")
    .replaceAll(DOWNLOADED, "")
    .replaceAll(/\s+/gu, " ")
    .trim();
}

/** What debootstrap's wget says of every file it got; kiwi takes it for the reason of any failure. */
const DOWNLOADED = /\d{4}-\d\d-\d\d [\d:]{8} URL:\S+ \[[\d/]+\] -> "[^"]*" \[\d+\]/gu;

/** The package manager's last error, which kiwi's own often lacks. */
function toolError(lines: readonly string[]): string {
  const errors = lines.map((line) => /\| (?:bootstrap|system): (E: .+)$/u.exec(line)?.[1] ?? "");
  return errors.findLast((error) => error !== "")?.trim() ?? "";
}

/** What the schema's check complains of; libxml2 and jing put it differently. */
function schemaErrors(text: string): string {
  const found = [...text.matchAll(/(?:RELAXNG_ERR_\w+|:\d+:\d+: error): (.+)/gu)].map(
    (match) => match[1] ?? "",
  );
  return [...new Set(found)].slice(0, 5).join("; ");
}

const MISSING_PACKAGES: readonly RegExp[] = [
  /E: Unable to locate package (\S+)/gu,
  /E: Package '([^']+)' has no installation candidate/gu,
  /E: Couldn't find these debs: (.+)/gu,
  /No provider of '([^']+)' found/gu,
  /Package '([^']+)' not found/gu,
  /No match for argument: (.+)/gu,
  /Unable to find a match: (.+)/gu,
  /No package matches '([^']+)'/gu,
  /error: target not found: (\S+)/gu,
];

function missingPackages(text: string): readonly string[] {
  const found = MISSING_PACKAGES.flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => match[1] ?? ""),
  );
  const names = found.flatMap((list) => list.trim().split(/\s+/u));
  return [...new Set(names.filter((name) => name !== ""))];
}

/** Package managers often go on without a repository that is silent, and then miss its packages. */
const SILENT_REPOSITORY =
  /Connection refused|Connection timed out|Could not (?:resolve|connect)|Temporary failure (?:in name resolution|resolving)|unable to resolve|Failed to fetch|Failed getting release file|Invalid Release file|Failed to download metadata|Cannot download repomd|Curl error|Network is unreachable|Timeout exceeded/iu;

interface Rule {
  readonly code: FailureCode;
  readonly hint: (text: string, error: string) => string | undefined;
}

/** A rule that holds when the pattern is found in all that was printed. */
function seen(code: FailureCode, pattern: RegExp, hint: string): Rule {
  return { code, hint: (text) => (pattern.test(text) ? hint : undefined) };
}

/** A rule that holds when the pattern is found in kiwi's own error, `$1` in the hint being its first group. */
function told(code: FailureCode, pattern: RegExp, hint: string): Rule {
  return {
    code,
    hint: (_text, error) => {
      const match = pattern.exec(error);
      return match === null ? undefined : hint.replaceAll("$1", () => match[1] ?? "");
    },
  };
}

/** The first that holds decides: from what certainly is the cause to what only may be. */
const RULES: readonly Rule[] = [
  seen(
    "disk_full",
    /No space left on device|Disk quota exceeded|You don't have enough free space|not enough free disk space/iu,
    "The disk that holds the job's work folder is full. Free some space or give the build environment more (build_env_size), then retry.",
  ),
  {
    code: "recipe_invalid",
    hint: (text, error) => {
      const complaints = schemaErrors(text);
      if (complaints === "" || !error.includes("KiwiDescriptionInvalid")) return undefined;
      return `kiwi does not accept the recipe's description (config.xml): ${complaints}.`;
    },
  },
  told(
    "recipe_invalid",
    /Kiwi(?:DescriptionInvalid|ConfigFileFormatNotSupported|ConfigFileNotFound|SchemaImportError|TypeNotFound|ProfileNotFound|DescriptionConflict|UriTypeUnknown|UriStyleUnknown|DataStructureError)/u,
    "kiwi does not accept the recipe's description (config.xml). The log's last lines say more, still more with the package jing installed.",
  ),
  told(
    "build_tool_missing",
    /KiwiCommandNotFound: Command "?([\w.+/-]+)"? not found/u,
    "kiwi needs the program $1, which is missing on the machine that builds: install the package that has it.",
  ),
  {
    code: "build_failed",
    hint: (text) => {
      const packages = missingPackages(text);
      if (packages.length === 0) return undefined;
      const silent = SILENT_REPOSITORY.test(text)
        ? ` A repository did not answer, which may be the reason: ${nameRepositories(text) ?? "the log tells which"}.`
        : "";
      return `No repository of the recipe has: ${packages.join(", ")}. Correct the name in config.xml, or add a repository that has it.${silent}`;
    },
  },
  told(
    "build_failed",
    /KiwiScriptFailed: (\S+) failed/u,
    "The recipe's script $1 failed. The log's last lines are its output; it runs in the image root.",
  ),
  // only in the error: apt goes on with a warning where the recipe wants no check
  told(
    "build_failed",
    /NO_PUBKEY|is not signed|GPG check FAILED|Signature verification failed|signature.*(?:invalid|could not be verified)/iu,
    "The signature of a repository or package cannot be checked: give kiwi its key, or correct the repository's settings in config.xml.",
  ),
  seen(
    "build_failed",
    /unmet dependencies|nothing provides|conflicting requests|dependency problem/iu,
    "Packages of the recipe need others that no repository has, or that exclude each other. The log's last lines name them.",
  ),
  seen(
    "build_failed",
    /Could not get lock|is another process using it|System management is locked/iu,
    "Another build or package manager holds the lock of the machine's package database: retry when it is done.",
  ),
  {
    code: "repository_unreachable",
    hint: (text) => {
      if (!SILENT_REPOSITORY.test(text)) return undefined;
      const names = nameRepositories(text);
      const which = names === undefined ? "A package repository" : `These repositories (${names})`;
      return `${which} did not answer or are not complete: check the repositories' paths in config.xml and that the building machine reaches them, then retry.`;
    },
  },
  told(
    "build_failed",
    /KiwiPrivilegesError|Operation not permitted/u,
    "kiwi needs the rights of root, with mounts and chroot, on the machine that builds.",
  ),
];

/**
 * What to say of a kiwi that failed, from its last lines (of kiwi, the package manager and the recipe's scripts).
 * kiwi 9 to 11 on apt, zypper, dnf and pacman.
 */
export function explainKiwiFailure(exitCode: number, lines: readonly string[]): BuilderFailure {
  const error = errorText(lines);
  const text = lines.join("\n");
  const cause = toolError(lines);
  const said = error.includes(cause) ? error : `${error} ${cause}`.trim();
  const short = shorten(said);
  const message = `kiwi ended with exit code ${exitCode}${short === "" ? "." : `: ${short}`}`;
  for (const rule of RULES) {
    const hint = rule.hint(text, error);
    if (hint !== undefined) return { code: rule.code, message, hint };
  }
  const killed =
    exitCode === 137 ? "kiwi was killed, most likely because memory ran out (job_mem_size). " : "";
  return { code: "build_failed", message, hint: `${killed}${LOG_HINT}` };
}
