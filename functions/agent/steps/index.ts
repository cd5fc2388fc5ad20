import type { StepName, StepOf } from "../../../core/jobs/plan.ts";
import type { StepContext, StepTable } from "../step.ts";
import { awaitRepositories } from "./await-repositories.ts";
import { buildWithKiwi } from "./build-with-kiwi.ts";
import { buildWithPacker } from "./build-with-packer.ts";
import { collectBootFiles } from "./collect-boot-files.ts";
import { fetchRootfs } from "./fetch-rootfs.ts";
import { fetchRecipe } from "./fetch-recipe.ts";
import { listPackages } from "./list-packages.ts";
import { packRootfs } from "./pack-rootfs.ts";
import { renderTemplates } from "./render-templates.ts";
import { checkShell, closeShell, openShell } from "./shell.ts";
import { unpackRecipe } from "./unpack-recipe.ts";
import { unpackRootfs } from "./unpack-rootfs.ts";
import { upload } from "./upload.ts";
import { waitForUser } from "./wait-for-user.ts";

export const STEPS: StepTable = {
  "fetch-recipe": fetchRecipe,
  "unpack-recipe": unpackRecipe,
  "render-templates": renderTemplates,
  "await-repositories": awaitRepositories,
  "build-with-kiwi": buildWithKiwi,
  "build-with-packer": buildWithPacker,
  "check-shell": checkShell,
  "fetch-rootfs": fetchRootfs,
  "unpack-rootfs": unpackRootfs,
  "open-shell": openShell,
  "wait-for-user": waitForUser,
  "close-shell": closeShell,
  "collect-boot-files": collectBootFiles,
  "list-packages": listPackages,
  "pack-rootfs": packRootfs,
  upload,
};

/** Ties a step to the function of its name, which a plain union would lose. */
type OneOf<N extends StepName> = { [K in N]: { readonly do: K } & StepOf<K> }[N];

/** Carries out one step of a plan. @throws StepFailure, or the signal's reason. */
export async function carryOut<N extends StepName>(context: StepContext, step: OneOf<N>): Promise<void> {
  await STEPS[step.do](context, step);
}
