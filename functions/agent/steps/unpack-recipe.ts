import { join } from "node:path";
import { StepFailure, type StepFunction } from "../step.ts";
import { failWith, left, orFail } from "./failing.ts";

const ARCHIVE_HINT =
  "A recipe is a tar.gz of a folder with a kiwi description, made for example by: tar -C <recipe folder> -czf recipe.tar.gz .";

export const unpackRecipe: StepFunction<"unpack-recipe"> = async (context, step) => {
  const { log, signal, state, tools } = context;
  const folder = join(context.workFolder, "recipe");
  const unpacking = tools.archive.unpack({
    archive: left(state.recipeArchive, "the recipe's archive"),
    folder,
    maxBytes: step.max_bytes,
    maxEntries: step.max_entries,
    signal,
  });
  const { entries, bytes } = await orFail(unpacking, (error) =>
    failWith(error.code === "invalid" ? "recipe_invalid" : "internal", ARCHIVE_HINT)(error),
  );
  log(`Unpacked ${entries} entries, ${bytes} bytes`);
  const recipeFolder = await orFail(tools.kiwi.locate(folder), failWith("recipe_invalid", ARCHIVE_HINT));
  if (recipeFolder === undefined)
    throw new StepFailure(
      "recipe_invalid",
      "The recipe's archive has no config.xml (nor *.kiwi) at its root.",
      {
        hint: ARCHIVE_HINT,
      },
    );
  state.recipeFolder = recipeFolder;
};
