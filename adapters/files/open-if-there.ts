import { open, type FileHandle } from "node:fs/promises";
import { isMissing } from "../process/errors.ts";

/** Opens for reading; `undefined` when there is no such file. Any other error is thrown as it is. */
export async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, "r");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
