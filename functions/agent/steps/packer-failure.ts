import type { FailureCode } from "../../../core/jobs/failure.ts";
import { type BuilderFailure, shortened } from "./builder-failure.ts";
import { LOG_HINT } from "./failing.ts";
import { nameRepositories } from "./silent-repositories.ts";

const BEGINNING = 400;
const END = 300;

function shorten(text: string): string {
  return shortened(text, BEGINNING, END);
}

/** Where one complaint of packer's ends and its story goes on. */
const STORY = /^(?:==>|-->|Build '|\?{3}|!{3})/u;

/** packer's complaints about the template: each begins with `Error:` and goes on over several lines. */
function complaints(lines: readonly string[]): string {
  const kept: string[] = [];
  let inside = false;
  for (const line of lines) {
    if (/^(?:Error: |Failed to |Could not )/u.test(line)) inside = true;
    else if (STORY.test(line)) inside = false;
    if (inside) kept.push(line);
  }
  return kept.join(" ").replaceAll(/\s+/gu, " ").trim();
}

/** Why each build ended, as packer sums it up. */
function verdicts(lines: readonly string[]): string {
  const found = lines.flatMap((line) => /^--> (\S+: .+)$/u.exec(line)?.[1] ?? []);
  return [...new Set(found)].join("; ");
}

/** The last lines that the failing script printed to standard error, where scripts say why; not what `set -x` echoes. */
function lastWords(lines: readonly string[]): string {
  const end = lines.findIndex((line) => /had errors: Running the cleanup|^Build '.+' errored/u.test(line));
  const before = lines.slice(0, end < 0 ? lines.length : end);
  const said = before.flatMap((line) => /^==> \S+(?: \([\w-]+\))?: (.+)$/u.exec(line)?.[1] ?? []);
  return said
    .filter((text) => !/^(?:Running local shell script|\++ )/u.test(text))
    .slice(-3)
    .join(" ");
}

interface Told {
  readonly lines: readonly string[];
  /** All that was printed. */
  readonly text: string;
  /** packer's complaints in one line: it breaks them anywhere. */
  readonly error: string;
}

interface Rule {
  readonly code: FailureCode;
  readonly hint: (told: Told) => string | undefined;
}

function when(code: FailureCode, pattern: RegExp, hint: string, where: "text" | "error" = "error"): Rule {
  return {
    code,
    hint: (told) => {
      const match = pattern.exec(told[where]);
      return match === null ? undefined : hint.replaceAll("$1", () => match[1] ?? "");
    },
  };
}

const NO_PLUGIN =
  "packer on the machine that builds has no plugin for $1. Name its plugin in the template (packer { required_plugins { ... } }, packer 1.7 and newer), or use what packer brings itself: the builders file and null, shell-local.";

/** The first that holds decides. packer 1.6 to 1.14. */
const RULES: readonly Rule[] = [
  when(
    "disk_full",
    /No space left on device|Disk quota exceeded/iu,
    "The disk that holds the job's work folder is full. Free some space or give the build environment more (build_env_size), then retry.",
    "text",
  ),
  when(
    "build_tool_missing",
    /Unknown (?:source type|builder|provisioner(?: type)?|post-processor(?: type)?|datasource(?: type)?) "?([\w-]+)"?/u,
    NO_PLUGIN,
  ),
  when("build_tool_missing", /The [\w-]+ ([\w-]+) is unknown by Packer/u, NO_PLUGIN),
  when(
    "build_tool_missing",
    /(?:Missing plugins|plugins are required, but not installed)/u,
    "The template uses plugins that are not there; the message names them. Ask for them in required_plugins, or where plugins come from a folder (IMS_PACKER_PLUGINS), install them there.",
  ),
  when(
    "recipe_invalid",
    /Unset variable "([^"]+)"/u,
    "The template's variable $1 has no value: give it a default in the template, or an entry in the template_dictionary of the recipe's record.",
  ),
  when(
    "recipe_invalid",
    /required variable not set: (\S+)/u,
    "The template's variable $1 has no value: give it a default in the template, or an entry in the template_dictionary of the recipe's record.",
  ),
  when(
    "recipe_invalid",
    /does not have an attribute named "([^"]+)"/u,
    'The template uses $1, which it does not declare: add variable "$1" {}, with a default when the template_dictionary of the recipe\'s record has no such entry.',
  ),
  {
    code: "recipe_invalid",
    hint: ({ error }) =>
      error === ""
        ? undefined
        : "packer does not accept the recipe's template: correct what the message names.",
  },
  when(
    "build_tool_missing",
    /([\w.+/-]+): (?:command )?not found/u,
    "A script of the recipe needs the program $1, which is missing on the machine that builds: install the package that has it.",
    "text",
  ),
  {
    code: "repository_unreachable",
    hint: ({ text }) => {
      const names = nameRepositories(text);
      if (names === undefined) return undefined;
      return `These repositories did not answer or are not complete: ${names}. Check their addresses in the recipe and that the building machine reaches them, then retry.`;
    },
  },
  when(
    "build_failed",
    /Script exited with non-zero exit status/u,
    `A script of the recipe failed. ${LOG_HINT}`,
    "text",
  ),
];

function messageOf(exitCode: number, { error, lines }: Told): string {
  const parts = error === "" ? [verdicts(lines), lastWords(lines)] : [error];
  const said = shorten(parts.filter((part) => part !== "").join(" "));
  return `packer ended with exit code ${exitCode}${said === "" ? "." : `: ${said}`}`;
}

/** What to say of a `packer build` that failed, from its last lines. */
export function explainPackerFailure(exitCode: number, lines: readonly string[]): BuilderFailure {
  const told: Told = { lines, text: lines.join("\n"), error: complaints(lines) };
  const message = messageOf(exitCode, told);
  for (const { code, hint } of RULES) {
    const words = hint(told);
    if (words !== undefined) return { code, message, hint: words };
  }
  const killed =
    exitCode === 137 ? "packer was killed, most likely because memory ran out (job_mem_size). " : "";
  return { code: "build_failed", message, hint: `${killed}${LOG_HINT}` };
}

/** What to say of a `packer init` that failed: plugins come from the network. */
export function explainPluginFailure(exitCode: number, lines: readonly string[]): BuilderFailure {
  const said = shorten(lines.join(" ").replaceAll(/\s+/gu, " ").trim());
  return {
    code: "build_tool_missing",
    message: `packer init ended with exit code ${exitCode}${said === "" ? "." : `: ${said}`}`,
    hint: "packer fetches the plugins of required_plugins from their source (mostly GitHub): check the names and versions in the template and that the machine that builds reaches the source, then retry.",
  };
}
