import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { StepFunction } from "../step.ts";
import { expectSquashfsDone, failWith, left, orFail } from "./failing.ts";
import { percentReporter } from "./percent.ts";

const HINT = "The image's rootfs must be a whole squashfs: build the image again, or upload it anew.";

/** Where the image's tree goes; what lies beside it is shown to an unjailed shell as /mnt/image. */
const FOLDER = "image";

export const unpackRootfs: StepFunction<"unpack-rootfs"> = async (context) => {
  const { log, signal, state, tools, workFolder } = context;
  const file = left(state.baseRootfs, "the image's rootfs");
  const folder = join(workFolder, FOLDER);
  const imageRoot = join(folder, "image-root");
  await mkdir(folder, { mode: 0o755 });
  const report = percentReporter(context, "Unpacking the root file system");
  const unpacking = tools.squashfs.unpack({
    file,
    folder: imageRoot,
    onLine: log,
    onPercent: (percent) => report(percent, 100),
    signal,
  });
  expectSquashfsDone(await orFail(unpacking, failWith("unpacking_failed", HINT)), {
    program: "unsquashfs",
    done: "unpacked",
    code: "unpacking_failed",
    hint: HINT,
  });
  // the disk has to hold the changed image, too
  await rm(file);
  state.imageRoot = imageRoot;
};
