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

async function uploadOne(
  context: StepContext,
  part: ImagePart,
  file: string,
  report: (done: number, all: number) => void,
): Promise<UploadedArtifact> {
  const { log, service, signal, tools } = context;
  let sent = "";
  const sending = tools.transfer.upload({
    file,
    ...(part === "packages" ? { contentType: "application/json" } : {}),
    target: (size) => service.uploadTarget(part, size),
    parts: service.parts,
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

/** The rootfs, which takes longest, tells how far it is. Once one cannot be stored, the others are of no use. */
export const upload: StepFunction<"upload"> = async (context) => {
  const useless = new AbortController();
  const signal = AbortSignal.any([context.signal, useless.signal]);
  const report = percentReporter(context, "Uploading rootfs");
  const sending = filesOf(context.state).map(async ([part, file]) => {
    try {
      const progress = part === "rootfs" ? report : () => undefined;
      return await uploadOne({ ...context, signal }, part, file, progress);
    } catch (error) {
      useless.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(sending);
  context.state.uploaded = await Promise.all(sending);
};
