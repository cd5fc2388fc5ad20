import { XMLParser, XMLValidator } from "fast-xml-parser";
import * as v from "valibot";
import { DomainError } from "../../core/errors.ts";
import type { RecipeDescription, RemoteRepository } from "../../core/ports/agent-tools.ts";

/** Elements without attributes come as text, empty ones as "". */
const Attributes = <T extends v.ObjectEntries>(entries: T) =>
  v.pipe(
    v.unknown(),
    v.transform((value) => (typeof value === "object" ? value : {})),
    v.object(entries),
  );
const Text = v.union([
  v.string(),
  v.pipe(
    v.object({ "#text": v.string() }),
    v.transform((node) => node["#text"]),
  ),
]);

const Repository = Attributes({
  type: v.optional(v.string()),
  arch: v.optional(v.string()),
  distribution: v.optional(v.string()),
  sourcetype: v.optional(v.string()),
  source: v.optional(v.array(Attributes({ path: v.optional(v.string(), "") })), []),
});
type Repository = v.InferOutput<typeof Repository>;

const Preferences = Attributes({
  packagemanager: v.optional(v.array(Text), []),
  type: v.optional(v.array(Attributes({ image: v.optional(v.string(), "") })), []),
});

const Root = v.object({
  image: Attributes({
    repository: v.optional(v.array(Repository), []),
    preferences: v.optional(v.array(Preferences), []),
  }),
});

const LISTS = new Set([
  "image.repository",
  "image.repository.source",
  "image.preferences",
  "image.preferences.packagemanager",
  "image.preferences.type",
]);

function invalid(message: string, cause?: unknown): DomainError {
  return new DomainError("invalid", message, { cause });
}

function parseXml(xml: string, name: string): v.InferOutput<typeof Root> {
  const checked = XMLValidator.validate(xml);
  if (checked !== true) throw invalid(`${name} is not XML: line ${checked.err.line}: ${checked.err.msg}`);
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: "",
    parseTagValue: false,
    parseAttributeValue: false,
    isArray: (_name, path) => typeof path === "string" && LISTS.has(path),
  });
  let tree: unknown;
  try {
    tree = parser.parse(xml);
  } catch (error) {
    throw invalid(`${name} cannot be read as XML: ${error instanceof Error ? error.message : ""}`, error);
  }
  const root = v.safeParse(Root, tree);
  if (!root.success) throw invalid(`${name} is no image description: it has no image element.`);
  return root.output;
}

type RepositoryKind = "rpm" | "deb" | "other" | "unknown";

function kindOf(repository: Repository, packageManagers: readonly string[]): RepositoryKind {
  const type = repository.type ?? "";
  if (type.includes("deb") || repository.distribution !== undefined) return "deb";
  if (/rpm|yast/u.test(type)) return "rpm";
  if (packageManagers.some((name) => name.includes("pacman")) || type === "pacman") return "other";
  if (packageManagers.length === 0) return "unknown";
  return packageManagers.every((name) => name.startsWith("apt")) ? "deb" : "rpm";
}

/** Files of which a repository has at least one, the likelier ones first. */
function indexFiles(repository: Repository, kind: RepositoryKind): readonly string[] {
  const rpm = ["repodata/repomd.xml"];
  const suite = repository.distribution?.replaceAll(/^\/+|\/+$/gu, "");
  const suites = suite === undefined ? [] : [`dists/${suite}/InRelease`, `dists/${suite}/Release`];
  const deb = [...suites, "InRelease", "Release", "Packages.gz", "Packages"];
  if (kind === "rpm") return rpm;
  return kind === "deb" ? deb : [...rpm, ...deb];
}

function withoutSecrets(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function below(base: URL, file: string): string {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/u, "")}/${file}`;
  return url.href;
}

type Sorted = { readonly remote: RemoteRepository } | { readonly unasked: string };

function sortSource(path: string, repository: Repository, kind: RepositoryKind): Sorted {
  if (!/^https?:/iu.test(path)) {
    const scheme = /^[a-z][a-z0-9+.-]*:/iu.exec(path)?.[0];
    const shown = scheme === undefined ? JSON.stringify(path.slice(0, 200)) : `${scheme}...`;
    return { unasked: `${shown} is left to kiwi` };
  }
  if (!URL.canParse(path)) throw invalid("A repository of the recipe has a source path that is no URL.");
  const url = new URL(path);
  const label = withoutSecrets(url);
  if (path.includes("$")) return { unasked: `${label} has variables that only the package manager knows` };
  if (kind === "other") return { unasked: `${label} is of a kind that only kiwi can ask` };
  const isList = repository.sourcetype === "metalink" || repository.sourcetype === "mirrorlist";
  const probes = isList ? [url.href] : indexFiles(repository, kind).map((file) => below(url, file));
  return { remote: { label, probes } };
}

function isForArch(repository: Repository, arch: string): boolean {
  return repository.arch === undefined || repository.arch.split(",").includes(arch);
}

/**
 * Reads what the agent needs of a kiwi description; kiwi judges the rest. `name` is the file's, for messages.
 * @throws `invalid` when it is not XML, has no image element, or names a repository in a way nobody can ask.
 */
export function readDescription(xml: string, name: string, arch: string): RecipeDescription {
  const { image } = parseXml(xml, name);
  const managers = image.preferences.flatMap((preferences) => preferences.packagemanager);
  const sorted = image.repository
    .filter((repository) => isForArch(repository, arch))
    .flatMap((repository) => {
      const kind = kindOf(repository, managers);
      return repository.source.map((source) => sortSource(source.path.trim(), repository, kind));
    });
  return {
    remote: sorted.flatMap((one) => ("remote" in one ? [one.remote] : [])),
    unasked: sorted.flatMap((one) => ("unasked" in one ? [one.unasked] : [])),
    imageTypes: image.preferences.flatMap((preferences) => preferences.type.map((type) => type.image)),
  };
}
