import { dirname, join } from "node:path";
import type { DomainError } from "../../../core/errors.ts";
import type { ShellOrder } from "../../../core/jobs/plan.ts";
import { StepFailure, type StepContext, type StepFunction } from "../step.ts";
import { failWith, left, orFail, toolMissing } from "./failing.ts";

const FAILED_HINT = "The last lines of the job's log say what sshd said; mend it on the machine and retry.";

/** Installing it also starts a server on port 22 on many systems, which shells of jobs do not need. */
const PACKAGE =
  "openssh-server. On Debian and Ubuntu that also starts an sshd on port 22, which this service does not need: systemctl disable --now ssh, or mask it before";

function explained(error: DomainError): StepFailure {
  if (error.code === "not-found") return toolMissing(error.message, PACKAGE, error);
  if (error.code === "forbidden")
    return failWith(
      "not_supported",
      "Run the service as root on a machine that gives namespaces (unshare --mount --pid must work).",
    )(error);
  if (error.code === "invalid")
    return failWith(
      "shell_failed",
      "Customize the image unjailed (jail: false), or build it with a shell in it.",
    )(error);
  return failWith("shell_failed", FAILED_HINT)(error);
}

function orderOf({ plan }: StepContext): ShellOrder {
  return left(plan.shell, "how to open the shell");
}

/** Whether a shell can be opened at all: programs, namespaces, and a key that fits. */
export async function expectShell(context: StepContext): Promise<void> {
  const { signal, tools, workFolder } = context;
  await orFail(tools.shell.check(signal), explained);
  const scratch = join(workFolder, "shell");
  const asking = tools.shell.keyTrouble(orderOf(context).public_key, scratch, signal);
  const trouble = await orFail(asking, explained);
  if (trouble === undefined) return;
  throw new StepFailure(
    "public_key_unusable",
    `The job's public key cannot be used for a shell: ${trouble}.`,
    {
      hint: "Store the text of a public key file as ssh-keygen writes it (such as ~/.ssh/id_ed25519.pub), and post the job with that key.",
    },
  );
}

export const checkShell: StepFunction<"check-shell"> = async (context) => {
  await expectShell(context);
  await orFail(context.tools.squashfs.expectUnpacker(context.signal), (error) =>
    toolMissing(error.message, "squashfs-tools", error),
  );
};

/** Opens it on a folder that holds `image-root`. */
export async function openShellOn(context: StepContext, folder: string): Promise<void> {
  const { log, plan, signal, state, tools, workFolder } = context;
  const order = orderOf(context);
  const opening = tools.shell.open({
    publicKey: order.public_key,
    host: order.host,
    ...(order.ports === undefined ? {} : { ports: order.ports }),
    jail: order.jail,
    dkms: order.dkms,
    // as the original writes them
    environment: {
      IMS_JOB_ID: plan.job_id,
      IMS_ARCH: plan.arch,
      IMS_DKMS_ENABLED: order.dkms ? "True" : "False",
    },
    folder,
    scratchFolder: join(workFolder, "shell"),
    onLine: log,
    signal,
  });
  state.shell = await orFail(opening, explained);
  const place = order.jail ? "in the image" : "beside the image, which is at /mnt/image/image-root";
  const { host, port } = state.shell;
  log(
    host === undefined
      ? `The shell answers ${place}; the job's connection_info says where to reach it`
      : `The shell answers ${place}: ssh -p ${port} root@${host}`,
  );
  log(`Say that you are done with the file ${order.jail ? "/tmp" : "/mnt/image"}/complete, or failed`);
}

export const openShell: StepFunction<"open-shell"> = async (context) =>
  openShellOn(context, dirname(left(context.state.imageRoot, "the image root")));

export const closeShell: StepFunction<"close-shell"> = async ({ state, log }) => {
  const shell = left(state.shell, "the shell");
  await orFail(shell.close(), failWith("shell_failed", "Something of the shell could not be undone; retry."));
  delete state.shell;
  log("The shell is closed");
};
