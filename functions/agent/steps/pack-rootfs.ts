import { join } from "node:path";
import { readable } from "../../../core/jobs/shortage.ts";
import type { StepContext, StepFunction } from "../step.ts";
import { LOG_HINT, diskFull, expectSquashfsDone, failWith, left, orFail, toolMissing } from "./failing.ts";
import { percentReporter } from "./percent.ts";

/** What is mounted below would be packed too, or the host's devices with it. */
async function freeOfMounts({ log, tools }: StepContext, imageRoot: string): Promise<void> {
  const hint = "A program of the build still uses it; retry.";
  const points = await orFail(tools.squashfs.unmountBelow(imageRoot), failWith("packing_failed", hint));
  for (const point of points) log(`Unmounted ${point}, which the build had left`);
}

async function expectSpace(context: StepContext, imageRoot: string, file: string): Promise<void> {
  const { signal, tools } = context;
  const failing = failWith("packing_failed", LOG_HINT);
  if (await orFail(tools.squashfs.isAmple(imageRoot, file), failing)) return;
  const { needed, free } = await orFail(tools.squashfs.space(imageRoot, file, signal), failing);
  if (free < needed)
    throw diskFull(`Packing needs at least ${readable(needed)}, and ${readable(free)} are free.`);
}

export const packRootfs: StepFunction<"pack-rootfs"> = async (context, { options }) => {
  const { log, signal, state, tools } = context;
  const imageRoot = left(state.imageRoot, "the image root");
  const file = join(context.workFolder, "rootfs.squashfs");
  await freeOfMounts(context, imageRoot);
  await expectSpace(context, imageRoot, file);
  const report = percentReporter(context, "Packing the root file system");
  const packing = tools.squashfs.pack({
    folder: imageRoot,
    file,
    options,
    onLine: log,
    onPercent: (percent) => report(percent, 100),
    signal,
  });
  const end = await orFail(packing, (error) =>
    error.code === "not-found"
      ? toolMissing(error.message, "squashfs-tools", error)
      : failWith("packing_failed", LOG_HINT)(error),
  );
  expectSquashfsDone(end, {
    program: "mksquashfs",
    done: "packed",
    code: "packing_failed",
    hint: LOG_HINT,
  });
  state.rootfs = file;
};
