import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileError } from "../archive/fs-errors.ts";
import { fileInside, lookInside } from "../archive/inside.ts";
import { codeOf } from "../process/errors.ts";

async function names(imageRoot: string, folder: string): Promise<readonly string[]> {
  const found = await lookInside(imageRoot, folder);
  if (found?.stats.isDirectory() !== true) return [];
  try {
    return (await readdir(found.path)).sort();
  } catch (error) {
    throw fileError(error, `listing ${folder} of the image`);
  }
}

/** Never through a link: what the image's scripts left there may point at anything. */
async function setMode(path: string, mode: number): Promise<void> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      await file.chmod(mode);
    } finally {
      await file.close();
    }
  } catch (error) {
    // a link, or a socket: neither has a mode of its own that matters
    const code = codeOf(error);
    if (code !== "ELOOP" && code !== "ENXIO") throw error;
  }
}

async function closeFolder(folder: string): Promise<void> {
  await setMode(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await closeFolder(path);
    else if (entry.isFile()) await setMode(path, 0o600);
  }
}

async function closeBuildFolder(imageRoot: string): Promise<void> {
  try {
    const root = await readdir(imageRoot, { withFileTypes: true });
    const isFolder = root.some((entry) => entry.name === "image" && entry.isDirectory());
    if (isFolder) await closeFolder(join(imageRoot, "image"));
  } catch (error) {
    throw fileError(error, "closing /image of the image");
  }
}

/** What an image boots with, looked for as if the image root were `/`. Errors: `unavailable`. */
export function createBootFiles() {
  return { find: fileInside, names, closeBuildFolder };
}
