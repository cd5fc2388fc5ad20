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

/**
 * The folder of an unpacked archive that holds the description: its root, or its one top folder when everything lies
 * in that. `undefined` when there is none.
 */
export async function locateRecipe(unpackedFolder: string): Promise<string | undefined> {
  if ((await descriptionIn(unpackedFolder)) !== undefined) return unpackedFolder;
  const [only, ...others] = await names(unpackedFolder);
  if (only === undefined || others.length > 0 || !only.isDirectory()) return undefined;
  const folder = join(unpackedFolder, only.name);
  return (await descriptionIn(folder)) === undefined ? undefined : folder;
}
