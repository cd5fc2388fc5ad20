import { LICENCES } from "./budgets.ts";
import type { BundledPackage } from "./packages.ts";

const RULE = `${"-".repeat(80)}\n`;

/**
 * Our own licence and the terms of these packages, as one text.
 * @throws naming each package whose licence is not among those that are known to be fine
 */
export function licencesText(own: string, packages: readonly BundledPackage[]): string {
  const unfit = packages.filter(({ licence }) => !isFine(licence));
  if (unfit.length > 0)
    throw new Error(
      `Not to be shipped, by its licence: ${unfit.map(({ name, licence }) => `${name} (${licence})`).join(", ")}.`,
    );
  const sections = packages.map(
    ({ name, version, licence, terms }) =>
      `${RULE}${name} ${version} (${licence})\n\n${terms === "" ? "It brings no text of its licence.\n" : terms}`,
  );
  return [own, "\nWhat others wrote and is part of this:\n\n", ...sections].join("\n");
}

/** As SPDX has it, `(MIT OR GPL-3.0)` leaves the choice. */
function isFine(licence: string): boolean {
  const choices = licence.replaceAll(/[()]/gu, "").split(" OR ");
  return choices.some((choice) => LICENCES.includes(choice));
}
