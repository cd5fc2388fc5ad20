import { join } from "node:path";
import type { StepFunction } from "../step.ts";
import { fetchObject } from "./download.ts";

export const fetchRootfs: StepFunction<"fetch-rootfs"> = async (context, { download }) => {
  const file = join(context.workFolder, "base.squashfs");
  await fetchObject(context, download, file, {
    what: "image's rootfs",
    damagedHint:
      "The stored rootfs was changed or damaged after its manifest was made: build the image again.",
    unreachableHint:
      "Check that the image's manifest leads to a rootfs and that the service can be reached from the machine that builds, then retry.",
  });
  context.state.baseRootfs = file;
};
