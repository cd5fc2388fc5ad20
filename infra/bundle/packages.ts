import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import * as v from "valibot";

/** An npm package of which something is bundled. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** As SPDX names it. */
  readonly licence: string;
  /** The files with its terms, one after the other; empty when it brings none. */
  readonly terms: string;
}

const named = { name: v.string(), version: v.string() };
const Manifest = v.union([
  v.object({ ...named, license: v.string() }),
  // As packages said it before there was `license`.
  v.pipe(
    v.object({ ...named, licenses: v.tuple([v.object({ type: v.string() })]) }),
    v.transform(({ name, version, licenses: [{ type }] }) => ({ name, version, license: type })),
  ),
]);

const TERMS = /^(?:licen[cs]e|notice|copying)(?:\.(?:md|txt))?$/iu;

/** Folder of the npm package that a source file belongs to, as `node_modules/@scope/name`; none for our own. */
function packageFolderOf(file: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/u.exec(file)?.[0];
}

/** Name of the npm package that a source file belongs to. */
export function packageNameOf(file: string): string | undefined {
  return packageFolderOf(file)?.replace(/^.*node_modules\//u, "");
}

/** The packages that these source files belong to, by name. */
export async function packagesOf(root: string, files: readonly string[]): Promise<BundledPackage[]> {
  const folders = new Set(files.map(packageFolderOf).filter((folder) => folder !== undefined));
  const found = await Promise.all([...folders].map((folder) => packageIn(path.join(root, folder))));
  const unique = new Map(found.map((one) => [`${one.name} ${one.version}`, one]));
  return [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

async function packageIn(folder: string): Promise<BundledPackage> {
  const text = await readFile(path.join(folder, "package.json"), "utf8");
  const { name, version, license } = v.parse(Manifest, JSON.parse(text));
  const files = (await readdir(folder)).filter((file) => TERMS.test(file)).sort();
  const terms = await Promise.all(files.map((file) => readFile(path.join(folder, file), "utf8")));
  return { name, version, licence: license, terms: terms.join("\n") };
}
