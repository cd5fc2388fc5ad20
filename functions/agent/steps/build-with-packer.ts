import { join } from "node:path";
import {
  type BuildOutput,
  choosePackerTemplate,
  IMAGE_ROOT_NAME,
  type PackerTemplate,
  packerVariables,
} from "../../../core/jobs/packer-template.ts";
import type { StepOf } from "../../../core/jobs/plan.ts";
import type { PackerOrder } from "../../../core/ports/agent-tools.ts";
import { StepFailure, type StepContext, type StepFunction } from "../step.ts";
import { expectArch } from "./expect-arch.ts";
import { LOG_HINT, failWith, left, orFail, toolMissing } from "./failing.ts";
import { explainPackerFailure, explainPluginFailure } from "./packer-failure.ts";

const OUTPUT_HINT =
  "The build must leave the image's root in the folder that the variable ims_output (environment: IMS_OUTPUT) names, as a folder image-root/ or as one archive rootfs.tar, rootfs.tar.gz, rootfs.tar.xz or rootfs.tar.zst.";
const FIRST_WITH_INIT = [1, 7] as const;
const internal = failWith("build_failed", LOG_HINT);

type PackerStep = StepOf<"build-with-packer">;

function scratchFolder({ workFolder }: StepContext): string {
  return join(workFolder, "packer");
}

async function packerVersion(context: StepContext): Promise<string> {
  const { tools, signal } = context;
  return await orFail(tools.packer.version(scratchFolder(context), signal), (error) =>
    error.code === "not-found"
      ? toolMissing(error.message, "packer", error)
      : failWith("build_tool_missing", "packer is installed but does not run: reinstall it.")(error),
  );
}

/** The files may have changed since they were unpacked: templates are rendered in between. */
async function findTemplate({ tools }: StepContext, recipeFolder: string): Promise<PackerTemplate> {
  const choice = choosePackerTemplate((await orFail(tools.packer.look(recipeFolder), internal)).files);
  if ("template" in choice) return choice.template;
  throw new StepFailure("recipe_invalid", choice.problem, {
    hint: "Upload the recipe anew, with one template.",
  });
}

/** The contract with recipes: what they are told, as variables and in the environment. */
function orderOf(
  context: StepContext,
  step: PackerStep,
  template: PackerTemplate,
  output: string,
): PackerOrder {
  const { log, plan, progress, signal, state } = context;
  const own = {
    ims_output: output,
    ims_job_id: plan.job_id,
    ims_arch: plan.arch,
    ims_image_name: step.image_name,
  };
  return {
    recipeFolder: left(state.recipeFolder, "the recipe's folder"),
    template,
    scratchFolder: scratchFolder(context),
    variables: packerVariables(step.variables, own),
    env: {
      IMS_OUTPUT: output,
      IMS_JOB_ID: plan.job_id,
      IMS_ARCH: plan.arch,
      IMS_IMAGE_NAME: step.image_name,
    },
    onLine: log,
    onProgress: (message) => progress({ message }),
    signal,
  };
}

function knowsInit(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > FIRST_WITH_INIT[0] || (major === FIRST_WITH_INIT[0] && minor >= FIRST_WITH_INIT[1]);
}

async function fetchPlugins({ log, tools }: StepContext, order: PackerOrder, version: string): Promise<void> {
  if (!(await orFail(tools.packer.mustFetchPlugins(order.recipeFolder, order.template), internal))) return;
  if (!knowsInit(version))
    throw new StepFailure(
      "build_tool_missing",
      `The template asks for plugins (required_plugins), and packer ${version} on this machine cannot fetch any.`,
      {
        hint: "Install packer 1.7 or newer on the machine that builds. Older ones have their builders built in: then the block required_plugins is not needed.",
      },
    );
  log("Fetching the plugins that the template asks for");
  const { exitCode, lines } = await orFail(tools.packer.init(order), internal);
  if (exitCode === 0) return;
  const { code, message, hint } = explainPluginFailure(exitCode, lines);
  throw new StepFailure(code, message, { hint, exitCode });
}

/** A failed build's root is worth a look, too: whatever there is of it is left to later steps. */
async function outputOf({ state, tools }: StepContext, output: string): Promise<BuildOutput> {
  const found = await orFail(tools.packer.output(output), internal);
  if (found.kind === "folder") state.imageRoot = join(output, IMAGE_ROOT_NAME);
  return found;
}

async function unpackRoot(
  context: StepContext,
  step: PackerStep,
  archive: string,
  found: Extract<BuildOutput, { kind: "archive" }>,
): Promise<void> {
  const { log, progress, signal, tools, workFolder } = context;
  const folder = join(workFolder, "build", IMAGE_ROOT_NAME);
  log(`Unpacking ${found.name}`);
  context.state.imageRoot = folder;
  const unpacking = tools.rootArchives.unpack({
    archive,
    compression: found.compression,
    folder,
    maxBytes: step.max_bytes,
    onBytes: (bytes) => progress({ message: `Unpacking ${found.name}: ${Math.round(bytes / 2 ** 20)} MiB` }),
    onLine: log,
    signal,
  });
  await orFail(unpacking, (error) =>
    error.code === "not-found"
      ? toolMissing(error.message, "tar gzip xz-utils zstd", error)
      : failWith(
          "build_failed",
          `${found.name} must be a whole tar archive of a root file system, not larger than the job's build_env_size once it is unpacked.`,
        )(error),
  );
}

export const buildWithPacker: StepFunction<"build-with-packer"> = async (context, step) => {
  const { log, state, tools, workFolder } = context;
  expectArch(context);
  const version = await packerVersion(context);
  log(`Building with packer ${version}`);
  state.builder = { name: "packer", version: version.slice(0, 100) };
  const template = await findTemplate(context, left(state.recipeFolder, "the recipe's folder"));
  const output = join(workFolder, "build", "output");
  await orFail(tools.packer.makeOutput(output), internal);
  const order = orderOf(context, step, template, output);
  await fetchPlugins(context, order, version);
  const { exitCode, lines } = await orFail(tools.packer.build(order), internal);
  const found = await outputOf(context, output);
  if (exitCode !== 0) {
    const { code, message, hint } = explainPackerFailure(exitCode, lines);
    throw new StepFailure(code, message, { hint, exitCode });
  }
  if (found.kind === "none") throw new StepFailure("build_failed", found.problem, { hint: OUTPUT_HINT });
  if (found.kind === "archive") await unpackRoot(context, step, join(output, found.name), found);
};
