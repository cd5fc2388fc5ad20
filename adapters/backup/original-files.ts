import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { asDomainError } from "../process/errors.ts";

/** The JSON files of a folder, as they are. @throws `unavailable` or `not-found` when they cannot be read */
export async function readOriginalFiles(folder: string): Promise<{ name: string; bytes: Uint8Array }[]> {
  try {
    const found = await readdir(folder, { withFileTypes: true });
    const names = found.filter((one) => one.isFile() && one.name.endsWith(".json")).map(({ name }) => name);
    return await Promise.all(
      names.toSorted().map(async (name) => ({ name, bytes: await readFile(path.join(folder, name)) })),
    );
  } catch (error) {
    throw asDomainError(error, "The original's data files cannot be read.");
  }
}
