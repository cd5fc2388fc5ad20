import { join } from "node:path";
import { isDomainError } from "../../../core/errors.ts";
import type { StepFunction } from "../step.ts";
import { diskFull, left } from "./failing.ts";

/** Tells what is in the image. An image without such a list is an image all the same. */
export const listPackages: StepFunction<"list-packages"> = async ({
  log,
  signal,
  state,
  tools,
  workFolder,
}) => {
  const imageRoot = left(state.imageRoot, "the image root");
  const file = join(workFolder, "packages.json");
  try {
    const found = await tools.packages.write({
      imageRoot,
      file,
      scratchFolder: join(workFolder, "packages"),
      signal,
    });
    if (found === undefined)
      return log("The image has no package database (dpkg, rpm): its packages are not listed");
    log(`The image has ${found.count} packages (${found.manager})`);
    state.packages = file;
  } catch (error) {
    signal.throwIfAborted();
    if (!isDomainError(error)) throw error;
    if (error.code === "storage-full") throw diskFull(error.message, { cause: error });
    log(`The image's packages are not listed: ${error.message}`);
  }
};
