import { StepFailure, type StepContext, type StepFunction } from "../step.ts";
import { failWith, left, orFail } from "./failing.ts";

const HINT =
  "The recipe must leave kernel and initrd in /boot of the image, as files or links inside the image.";
const internal = failWith("packing_failed", HINT);

async function find({ tools }: StepContext, imageRoot: string, name: string): Promise<string | undefined> {
  return await orFail(tools.bootFiles.find(imageRoot, `boot/${name}`), internal);
}

async function need(context: StepContext, imageRoot: string, what: string, name: string): Promise<string> {
  const path = await find(context, imageRoot, name);
  if (path !== undefined) return path;
  const names = await orFail(context.tools.bootFiles.names(imageRoot, "boot"), internal);
  const there =
    names.length === 0
      ? "/boot of the image is empty or missing."
      : `It has: ${names.slice(0, 40).join(", ")}.`;
  throw new StepFailure("packing_failed", `The image has no ${what} at boot/${name}.`, {
    hint: `${HINT} ${there}`,
  });
}

/** On aarch64 the kernel goes by another name than jobs ask for by default. */
async function kernelOf(context: StepContext, imageRoot: string, name: string): Promise<string> {
  if (context.plan.arch === "aarch64" && name === "vmlinuz") {
    const path = await find(context, imageRoot, "Image");
    if (path !== undefined) return path;
  }
  return await need(context, imageRoot, "kernel", name);
}

export const collectBootFiles: StepFunction<"collect-boot-files"> = async (context, step) => {
  const { log, state, tools } = context;
  const imageRoot = left(state.imageRoot, "the image root");
  const kernel = await kernelOf(context, imageRoot, step.kernel);
  const initrd = await need(context, imageRoot, "initrd", step.initrd);
  const bootParameters = await find(context, imageRoot, step.kernel_parameters);
  if (bootParameters === undefined)
    log(`The image has no kernel parameters at boot/${step.kernel_parameters}`);
  await orFail(tools.bootFiles.closeBuildFolder(imageRoot), internal);
  state.bootFiles = { kernel, initrd, ...(bootParameters === undefined ? {} : { bootParameters }) };
};
