import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import * as v from "valibot";
import { LICENCES } from "./budgets.ts";
import { packageFolderOf } from "./content.ts";

const named = { name: v.string(), version: v.string() };
const Package = v.union([
  v.object({ ...named, license: v.string() }),
  // As packages said it before there was `license`.
  v.pipe(
    v.object({ ...named, licenses: v.tuple([v.object({ type: v.string() })]) }),
    v.transform(({ name, version, licenses: [{ type }] }) => ({ name, version, license: type })),
  ),
]);

const RULE = `${"-".repeat(80)}\n`;
const TERMS = /^(?:licen[cs]e|notice|copying)(?:\.(?:md|txt))?$/iu;

/**
 * Our own licence and the terms of every npm package that one of these source files belongs to, as one text.
 * @throws naming each package whose terms are not among those that are known to be fine
 */
export async function collectLicences(root: string, inputs: readonly string[]): Promise<string> {
  const folders = new Set(inputs.map(packageFolderOf).filter((folder) => folder !== undefined));
  const terms = await Promise.all([...folders].map((folder) => termsOf(path.join(root, folder))));
  const unfit = terms.filter(({ licence }) => !isFine(licence));
  if (unfit.length > 0)
    throw new Error(
      `Not to be shipped, by its licence: ${unfit.map(({ title, licence }) => `${title} (${licence})`).join(", ")}.`,
    );
  const own = await readFile(path.join(root, "LICENSE"), "utf8");
  const sections = new Set(
    terms.map(({ title, licence, text }) => `${RULE}${title} (${licence})\n\n${text}`),
  );
  return [own, "\nWhat others wrote and is part of this:\n\n", ...[...sections].sort()].join("\n");
}

async function termsOf(folder: string) {
  const { name, version, license } = v.parse(
    Package,
    JSON.parse(await readFile(path.join(folder, "package.json"), "utf8")),
  );
  const files = (await readdir(folder)).filter((file) => TERMS.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), "utf8")));
  const text =
    texts.length > 0 ? texts.join("\n") : `Its package names the licence and brings no text of it.\n`;
  return { title: `${name} ${version}`, licence: license, text };
}

/** As SPDX has it, `(MIT OR GPL-3.0)` leaves the choice. */
function isFine(licence: string): boolean {
  const choices = licence.replaceAll(/[()]/gu, "").split(" OR ");
  return choices.some((choice) => LICENCES.includes(choice));
}
