import { StepFailure, type StepFunction } from "../step.ts";
import { left, orFail, toolMissing } from "./failing.ts";

const LIST_NAME = ".ims_recipe_template.yaml";

export const renderTemplates: StepFunction<"render-templates"> = async (context, { variables }) => {
  const { log, signal, state, tools } = context;
  const recipeFolder = left(state.recipeFolder, "the recipe's folder");
  const failure = (message: string, cause?: unknown): StepFailure =>
    new StepFailure("template_failed", message, {
      hint: `Correct the recipe's templates, its ${LIST_NAME} or the template_dictionary of its record.`,
      cause,
    });
  const files = await orFail(tools.templates.listed(recipeFolder), (error) => failure(error.message, error));
  const names = Object.keys(variables);
  if (files === undefined) {
    if (names.length > 0)
      log(`Warning: the recipe has a template_dictionary but no ${LIST_NAME}: nothing is rendered`);
    return;
  }
  if (names.length === 0)
    throw failure(`The recipe has a ${LIST_NAME}, but its record has no template_dictionary.`);
  const rendering = tools.templates.render({
    recipeFolder,
    files,
    variables,
    scratchFolder: context.workFolder,
    signal,
  });
  await orFail(rendering, (error) =>
    error.code === "not-found"
      ? toolMissing(error.message, "python3 python3-jinja2", error)
      : failure(error.message, error),
  );
  log(`Rendered ${files.join(", ")} with ${names.join(", ")}`);
};
