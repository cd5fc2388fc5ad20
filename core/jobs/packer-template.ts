/** What packer is to build: all HCL files of the recipe's folder together, as packer takes them, or one JSON file. */
export type PackerTemplate =
  | { readonly kind: "hcl"; readonly files: readonly string[] }
  | { readonly kind: "json"; readonly files: readonly [string] };

export type TemplateChoice =
  | { readonly template: PackerTemplate }
  /** Why there is nothing to build, in words for the recipe's author. */
  | { readonly problem: string };

/** Of several JSON files these are templates by their name; others may be anything. */
const USUAL_NAMES = ["packer.json", "template.json"];

function isJsonTemplate(name: string): boolean {
  return name.endsWith(".json") && !name.endsWith(".pkrvars.json") && !name.startsWith(".");
}

/**
 * Which of the files at a recipe's root is the packer template. HCL wins over JSON, which then only holds data; several
 * HCL files are one template.
 */
export function choosePackerTemplate(names: readonly string[]): TemplateChoice {
  const sorted = [...names].sort();
  const hcl = sorted.filter((name) => /\.pkr\.(?:hcl|json)$/u.test(name));
  if (hcl.length > 0) return { template: { kind: "hcl", files: hcl } };
  const json = sorted.filter(isJsonTemplate);
  const usual = json.filter((name) => USUAL_NAMES.includes(name));
  const [only, ...others] = usual.length > 0 ? usual : json;
  if (only === undefined)
    return { problem: "The recipe has no packer template (*.pkr.hcl, or *.json) at its root." };
  if (others.length > 0)
    return {
      problem: `The recipe has several files that may be its packer template: ${[only, ...others].join(", ")}.`,
    };
  return { template: { kind: "json", files: [only] } };
}

/** A name that packer takes for a variable. */
const VARIABLE = /^[A-Za-z_][\w-]*$/u;

/**
 * The variables that a build may declare: the template dictionary, then the service's own, which win. Names that packer
 * does not know as such are left out.
 */
export function packerVariables(
  dictionary: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ ...dictionary, ...own }).filter(([name]) => VARIABLE.test(name)),
  );
}

/** The archives of a root file system that a build may leave instead of a folder, with what unpacks them. */
const ROOT_ARCHIVES = {
  "rootfs.tar": "none",
  "rootfs.tar.gz": "gzip",
  "rootfs.tar.xz": "xz",
  "rootfs.tar.zst": "zstd",
} as const;
export type RootCompression = (typeof ROOT_ARCHIVES)[keyof typeof ROOT_ARCHIVES];

export const IMAGE_ROOT_NAME = "image-root";

export interface OutputEntry {
  readonly name: string;
  readonly kind: "folder" | "file" | "other";
}

export type BuildOutput =
  | { readonly kind: "folder" }
  | { readonly kind: "archive"; readonly name: string; readonly compression: RootCompression }
  | { readonly kind: "none"; readonly problem: string };

function asOutput({ name, kind }: OutputEntry): BuildOutput[] {
  if (name === IMAGE_ROOT_NAME && kind === "folder") return [{ kind: "folder" }];
  const archive = Object.entries(ROOT_ARCHIVES).find(([known]) => known === name);
  return archive !== undefined && kind === "file" ? [{ kind: "archive", name, compression: archive[1] }] : [];
}

/** What a build has left in its output folder; further files do no harm. */
export function judgeOutput(entries: readonly OutputEntry[]): BuildOutput {
  const found = entries.flatMap(asOutput);
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  const names = entries.map(({ name }) => name).sort();
  const shown = names.length === 0 ? "is empty" : `has ${names.slice(0, 20).join(", ")}`;
  const wanted = `${IMAGE_ROOT_NAME}/ or ${Object.keys(ROOT_ARCHIVES).join(", ")}`;
  return {
    kind: "none",
    problem:
      only === undefined
        ? `The build left no root file system: its output folder ${shown}, not ${wanted}.`
        : `The build left more than one root file system: its output folder ${shown}.`,
  };
}
