import { isDomainError } from "../../core/errors.ts";
import type { Records } from "../../core/ports/records.ts";
import { replaceImage } from "./records-values.ts";

/** Adds 1 to the count in an image's metadata; tries again until it wins. */
export async function increment(records: Records, id: string): Promise<void> {
  while (!(await triedIncrement(records, id)));
}

async function triedIncrement(records: Records, id: string): Promise<boolean> {
  const seen = await records.get("image", id);
  if (seen === undefined) throw new Error(`no image ${id}`);
  const count = String(Number(seen.value.metadata["count"]) + 1);
  try {
    await records.commit([replaceImage(id, seen.version, { count })]);
    return true;
  } catch (error) {
    if (!isDomainError(error, "lost-race")) throw error;
    return false;
  }
}
