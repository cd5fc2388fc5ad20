import type { ImagePart } from "../../../core/jobs/agent-messages.ts";
import type { DomainError } from "../../../core/errors.ts";
import {
  StepFailure,
  type StepContext,
  type StepFunction,
  type StepState,
  type UploadedArtifact,
} from "../step.ts";
import { left, orFail } from "./failing.ts";
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

const NO_SPACE = /no space left|HTTP 507/u;

/** Which part, how far it came, what was answered; and whose turn it is: the store's owner or the network's. */
function uploadFailure(part: ImagePart, sent: string, error: DomainError): StepFailure {
  const hint = NO_SPACE.test(error.message)
    ? "The service's storage is full: free some (delete images, purge the trash at /v3/deleted/images), then retry."
    : "Check that the service can be reached from here and that its storage has space, then retry.";
  const message = `The image's ${part} could not be stored${sent}. ${error.message}`;
  return new StepFailure("upload_failed", message, { hint, cause: error });
}

async function uploadOne(context: StepContext, part: ImagePart, file: string): Promise<UploadedArtifact> {
  const { log, service, signal, tools } = context;
  const report = percentReporter(context, `Uploading ${part}`);
  let sent = "";
  const sending = tools.transfer.upload({
    file,
    ...(part === "packages" ? { contentType: "application/json" } : {}),
    target: () => service.uploadTarget(part),
    onProgress: (bytes, size) => {
      sent = ` (${bytes} of ${size} bytes were sent)`;
      report(bytes, size);
    },
    onRetry: (reason) => log(`Uploading ${part} starts again after a pause: ${reason}`),
    signal,
  });
  const digests = await orFail(sending, (error) => uploadFailure(part, sent, error));
  log(`Uploaded ${part}: ${digests.size} bytes, sha256 ${digests.sha256}`);
  return { part, ...digests };
}

export const upload: StepFunction<"upload"> = async (context) => {
  for (const [part, file] of filesOf(context.state)) {
    const artifact = await uploadOne(context, part, file);
    context.state.uploaded = [...context.state.uploaded, artifact];
  }
};
