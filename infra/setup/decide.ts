import { nameOf } from "./tools.ts";
import type { Family, Tool } from "./tools.ts";

export interface Machine {
  /** Text of /etc/os-release; empty when there is none. */
  readonly osRelease: string;
  readonly isRoot: boolean;
  /** Whether what comes next has to run as root. */
  readonly needsRoot: boolean;
}

export type SetupDecision =
  | { readonly do: "nothing" }
  | { readonly do: "install"; readonly packages: readonly string[]; readonly tools: readonly string[] }
  /** The machine's owner has to act; the text says how. */
  | { readonly do: "stop"; readonly text: string };

const FAMILIES: Readonly<Record<string, Family>> = {
  debian: "apt",
  ubuntu: "apt",
  fedora: "dnf",
  rhel: "dnf",
  centos: "dnf",
  suse: "zypper",
  opensuse: "zypper",
  sles: "zypper",
};

const INSTALL: Readonly<Record<Family, string>> = {
  apt: "apt-get install -y --no-install-recommends",
  dnf: "dnf install -y",
  zypper: "zypper install -y --no-recommends",
};

const FAMILY_NAMES: Readonly<Record<Family, string>> = {
  apt: "Debian, Ubuntu",
  dnf: "Fedora, RHEL",
  zypper: "openSUSE, SLES",
};

/** The family of a distribution, from its own ID or those that it says it is like. */
export function familyOf(osRelease: string): Family | undefined {
  const words = ["ID", "ID_LIKE"].flatMap((name) => {
    const value = new RegExp(`^${name}=["']?([^"'\\n]*)`, "mu").exec(osRelease)?.[1] ?? "";
    return value.toLowerCase().split(/\s+/u);
  });
  const known = words.map((word) => FAMILIES[word.replace(/-(?:leap|tumbleweed)$/u, "")]);
  return known.find((family) => family !== undefined);
}

function packagesOf(missing: readonly Tool[], family: Family): readonly string[] {
  return [...new Set(missing.map((tool) => tool.packages[family]))];
}

function command(missing: readonly Tool[], family: Family): string {
  const install = `${INSTALL[family]} ${packagesOf(missing, family).join(" ")}`;
  return family === "apt" ? `apt-get update && ${install}` : install;
}

function explain(missing: readonly Tool[], family: Family | undefined): string {
  const intro = `These tools are missing on this machine: ${missing.map((tool) => nameOf(tool)).join(", ")}.`;
  if (family !== undefined) return `${intro}\nInstall them as root:\n  ${command(missing, family)}`;
  const families: readonly Family[] = ["apt", "dnf", "zypper"];
  const lines = families.map((one) => `  ${FAMILY_NAMES[one]}: ${command(missing, one)}`);
  return `${intro}\nInstall them as root, depending on the distribution:\n${lines.join("\n")}`;
}

const ROOT_NEEDED =
  "Building an image root needs root (kiwi mounts, chroots and keeps owners): run this as root.";

/** What to do about the tools that are missing. */
export function decideSetup(missing: readonly Tool[], machine: Machine): SetupDecision {
  const family = familyOf(machine.osRelease);
  if (missing.length > 0 && (family !== "apt" || !machine.isRoot)) {
    const root = machine.needsRoot && !machine.isRoot ? `\n${ROOT_NEEDED}` : "";
    return { do: "stop", text: explain(missing, family) + root };
  }
  if (machine.needsRoot && !machine.isRoot) return { do: "stop", text: ROOT_NEEDED };
  if (missing.length === 0) return { do: "nothing" };
  return { do: "install", packages: packagesOf(missing, "apt"), tools: missing.map((tool) => nameOf(tool)) };
}
