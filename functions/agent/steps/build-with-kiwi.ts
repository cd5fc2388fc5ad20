import { join } from "node:path";
import { StepFailure, type StepContext, type StepFunction } from "../step.ts";
import { expectArch } from "./expect-arch.ts";
import { LOG_HINT, failWith, left, orFail, toolMissing } from "./failing.ts";
import { explainKiwiFailure } from "./kiwi-failure.ts";

/** The kind that the original always builds; of it only the image root is used. */
const PREFERRED_TYPE = "tbz";

async function kiwiVersion({ tools, signal }: StepContext): Promise<string> {
  return await orFail(tools.kiwi.version(signal), (error) =>
    error.code === "not-found"
      ? toolMissing(error.message, "kiwi", error)
      : failWith("build_tool_missing", "kiwi is installed but does not run: reinstall it.")(error),
  );
}

export const buildWithKiwi: StepFunction<"build-with-kiwi"> = async (context) => {
  const { log, plan, signal, state, tools } = context;
  const recipeFolder = left(state.recipeFolder, "the recipe's folder");
  expectArch(context);
  const version = await kiwiVersion(context);
  log(`Building with kiwi ${version}`);
  state.builder = { name: "kiwi-ng", version: version.slice(0, 100) };
  const internal = failWith("build_failed", LOG_HINT);
  const { imageTypes } = await orFail(tools.kiwi.describe(recipeFolder, plan.arch), internal);
  const imageRoot = join(context.workFolder, "build", "image-root");
  const preparing = tools.kiwi.prepare({
    recipeFolder,
    imageRoot,
    scratchFolder: join(context.workFolder, "kiwi"),
    ...(imageTypes.includes(PREFERRED_TYPE) ? { imageType: PREFERRED_TYPE } : {}),
    onLine: log,
    onProgress: (message, percent) =>
      context.progress(percent === undefined ? { message } : { message, percent }),
    signal,
  });
  const { exitCode, lines } = await orFail(preparing, internal);
  if (exitCode !== 0) {
    const { code, message, hint } = explainKiwiFailure(exitCode, lines);
    throw new StepFailure(code, message, { hint, exitCode });
  }
  state.imageRoot = imageRoot;
};
