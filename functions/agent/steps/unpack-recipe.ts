import { join } from "node:path";
import { choosePackerTemplate } from "../../../core/jobs/packer-template.ts";
import type { StepOf } from "../../../core/jobs/plan.ts";
import { StepFailure, type StepContext, type StepFunction } from "../step.ts";
import { failWith, left, orFail } from "./failing.ts";

const MADE_BY = "made for example by: tar -C <recipe folder> -czf recipe.tar.gz .";
const HINTS = {
  "kiwi-ng": `A recipe is a tar.gz of a folder with a kiwi description, ${MADE_BY}`,
  packer: `A packer recipe is a tar.gz of a folder with one template (*.pkr.hcl, or one *.json), ${MADE_BY}`,
} as const;

type Unpack = StepOf<"unpack-recipe">;

async function kiwiFolder({ tools }: StepContext, folder: string): Promise<string> {
  const found = await orFail(tools.kiwi.locate(folder), failWith("recipe_invalid", HINTS["kiwi-ng"]));
  if (found !== undefined) return found;
  throw new StepFailure(
    "recipe_invalid",
    "The recipe's archive has no config.xml (nor *.kiwi) at its root.",
    { hint: HINTS["kiwi-ng"] },
  );
}

async function packerFolder({ tools }: StepContext, unpacked: string): Promise<string> {
  const { folder, files } = await orFail(
    tools.packer.look(unpacked),
    failWith("recipe_invalid", HINTS.packer),
  );
  const choice = choosePackerTemplate(files);
  if ("template" in choice) return folder;
  throw new StepFailure("recipe_invalid", choice.problem, { hint: HINTS.packer });
}

const FOLDER_OF: Readonly<
  Record<Unpack["recipe_type"], (context: StepContext, folder: string) => Promise<string>>
> = { "kiwi-ng": kiwiFolder, packer: packerFolder };

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
    failWith(error.code === "invalid" ? "recipe_invalid" : "internal", HINTS[step.recipe_type])(error),
  );
  log(`Unpacked ${entries} entries, ${bytes} bytes`);
  state.recipeFolder = await FOLDER_OF[step.recipe_type](context, folder);
};
