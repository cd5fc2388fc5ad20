import { join } from "node:path";
import type { AgentFailure } from "../../core/jobs/agent-messages.ts";
import type { JobStatus } from "../../core/jobs/status.ts";
import type { Reporter } from "./reporter.ts";
import type { StepContext } from "./step.ts";
import { expectShell, openShellOn } from "./steps/shell.ts";
import { waitForWord } from "./steps/wait-for-user.ts";

/** Where builds make their image root, whatever builds. */
const BUILD_FOLDER = "build";

async function open(context: StepContext): Promise<number | undefined> {
  const { log, signal, state, tools, workFolder } = context;
  const folder = join(workFolder, BUILD_FOLDER);
  try {
    await expectShell(context);
    for (const point of await tools.squashfs.unmountBelow(workFolder))
      log(`Unmounted ${point}, which the build had left`);
    await openShellOn(context, folder);
    return state.shell?.port;
  } catch (error) {
    signal.throwIfAborted();
    log(
      `There is no shell to look into the failed build: ${error instanceof Error ? error.message : "unknown reason"}`,
    );
    return undefined;
  }
}

/**
 * Lets the job's user look around in what a failed build left. The failure is held by the service meanwhile, and is the
 * job's in the end, whatever becomes of the shell. Never throws but for the signal.
 */
export async function offerDebugShell(
  context: StepContext,
  reporter: Reporter,
  held: AgentFailure & { readonly phase: JobStatus },
): Promise<void> {
  const port = await open(context);
  if (port === undefined) return;
  reporter.status("waiting_on_user", { shell: { port }, held });
  try {
    context.log(`The user is done: ${await waitForWord(context)}`);
  } catch (error) {
    context.signal.throwIfAborted();
    context.log(error instanceof Error ? error.message : "The shell ended.");
  }
}
