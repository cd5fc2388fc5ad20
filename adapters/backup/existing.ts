import { stat } from "node:fs/promises";
import { DomainError } from "../../core/errors.ts";
import { asDomainError, isMissing } from "../process/errors.ts";

/** @throws `conflict` when there is something under the name: a backup never replaces another one */
export async function refuseExisting(name: string): Promise<void> {
  try {
    await stat(name);
  } catch (error) {
    if (isMissing(error)) return;
    throw asDomainError(error, "The backup cannot be written there.");
  }
  throw new DomainError("conflict", `${name} is there already.`);
}
