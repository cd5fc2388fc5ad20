import type { ImagePart } from "../../../core/jobs/agent-messages.ts";
import type { StepContext, StepFunction, StepState, UploadedArtifact } from "../step.ts";
import { failWith, left, orFail } from "./failing.ts";
import { percentReporter } from "./percent.ts";

function filesOf(state: StepState): readonly (readonly [part: ImagePart, file: string])[] {
  const { kernel, initrd, bootParameters } = left(state.bootFiles, "kernel and initrd");
  return [
    ["rootfs", left(state.rootfs, "the packed root file system")],
    ["kernel", kernel],
    ["initrd", initrd],
    ...(bootParameters === undefined ? [] : [["boot_parameters", bootParameters] as const]),
    ...(state.packages === undefined ? [] : [["packages", state.packages] as const]),
  ];
}

async function uploadOne(context: StepContext, part: ImagePart, file: string): Promise<UploadedArtifact> {
  const { log, service, signal, tools } = context;
  const sending = tools.transfer.upload({
    file,
    ...(part === "packages" ? { contentType: "application/json" } : {}),
    target: () => service.uploadTarget(part),
    onProgress: percentReporter(context, `Uploading ${part}`),
    onRetry: (reason) => log(`Uploading ${part} starts again after a pause: ${reason}`),
    signal,
  });
  const hint = "Check that the service can be reached from here and that its storage has space, then retry.";
  const digests = await orFail(sending, (error) => failWith("upload_failed", hint)(error));
  log(`Uploaded ${part}: ${digests.size} bytes, sha256 ${digests.sha256}`);
  return { part, ...digests };
}

export const upload: StepFunction<"upload"> = async (context) => {
  for (const [part, file] of filesOf(context.state)) {
    const artifact = await uploadOne(context, part, file);
    context.state.uploaded = [...context.state.uploaded, artifact];
  }
};
