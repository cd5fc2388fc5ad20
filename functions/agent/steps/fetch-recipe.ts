import { join } from "node:path";
import type { StepFunction } from "../step.ts";
import { fetchObject } from "./download.ts";

export const fetchRecipe: StepFunction<"fetch-recipe"> = async (context, { download }) => {
  const file = join(context.workFolder, "recipe.tar.gz");
  await fetchObject(context, download, file, {
    what: "recipe's archive",
    damagedHint: "The stored archive was changed or damaged after its record was made: upload it again.",
    unreachableHint:
      "Check that the recipe's link leads to an archive and that the service can be reached from the machine that builds, then retry.",
  });
  context.state.recipeArchive = file;
};
