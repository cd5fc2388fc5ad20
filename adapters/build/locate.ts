import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileError } from "../archive/fs-errors.ts";
import { fileInside } from "../archive/inside.ts";

async function names(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw fileError(error, "looking for the recipe's description");
  }
}

/** Names of the files that lie directly in the folder. A link counts only if it leads to a file of the recipe. */
export async function filesIn(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { name } of await names(folder))
    if ((await fileInside(folder, name)) !== undefined) found.push(name);
  return found.sort();
}

/**
 * Path of the kiwi description that lies directly in the folder: config.xml, else the first `*.kiwi`. A link counts
 * only if it leads to a file of the recipe.
 */
export async function descriptionIn(folder: string): Promise<string | undefined> {
  const entries = await names(folder);
  const candidates = entries.map((entry) => entry.name).filter((name) => name.endsWith(".kiwi"));
  for (const name of ["config.xml", ...candidates.sort()]) {
    const path = await fileInside(folder, name);
    if (path !== undefined) return path;
  }
  return undefined;
}

/** The one folder that holds everything else; `undefined` when there is more. */
export async function onlyFolder(unpackedFolder: string): Promise<string | undefined> {
  const [only, ...others] = await names(unpackedFolder);
  if (only === undefined || others.length > 0 || !only.isDirectory()) return undefined;
  return join(unpackedFolder, only.name);
}

/**
 * The folder of an unpacked archive that holds the description: its root, or its one top folder when everything lies
 * in that. `undefined` when there is none.
 */
export async function locateRecipe(unpackedFolder: string): Promise<string | undefined> {
  if ((await descriptionIn(unpackedFolder)) !== undefined) return unpackedFolder;
  const folder = await onlyFolder(unpackedFolder);
  if (folder === undefined) return undefined;
  return (await descriptionIn(folder)) === undefined ? undefined : folder;
}
