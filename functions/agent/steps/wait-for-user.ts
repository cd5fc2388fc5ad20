import { setTimeout as delay } from "node:timers/promises";
import type { OpenShell } from "../../../core/ports/agent-tools.ts";
import type { ShellOrder } from "../../../core/jobs/plan.ts";
import { StepFailure, type StepContext, type StepFunction } from "../step.ts";
import { failWith, left, orFail } from "./failing.ts";

/** Programs in the shell wait for what comes after their word. */
const LISTEN_MS = 100;
/** A user who stays logged in, or left something running, is waited for no longer than that. */
const FAREWELL_MS = 1000;
const LEAVING_MS = 20;
/** Whether the shell is used takes more to tell. */
const WATCH_MS = 1000;
const REPORT_SECONDS = 5;

const trouble = failWith("shell_failed", "The last lines of the job's log say more; retry.");

/** Counts the time in which nobody uses the shell, and says so: to the service, and before the end to the user. */
function createIdleWatch(context: StepContext, shell: OpenShell, order: ShellOrder): () => Promise<void> {
  const { idle_seconds: limit, idle_warning_seconds: ahead } = order;
  let usedAt = performance.now();
  let reported = Number.NEGATIVE_INFINITY;
  let warned = false;

  const warn = async (): Promise<void> => {
    warned = true;
    const left = Math.min(ahead, limit);
    const text = `Nobody has used this shell for ${limit - left} s. In ${left} s it ends, and the job with it.`;
    context.log(text);
    await shell.warn(`IMS: ${text} Type something to keep it.`);
  };

  const end = (): never => {
    throw new StepFailure(
      "deadline_exceeded",
      `Nobody used the job's shell for ${limit} s, the limit for shells that are idle.`,
      {
        hint: "Say that you are done with the file complete, or raise the limit (IMS_IDLE_SECONDS), then start the job again (POST /v3/jobs/{id}/retry).",
      },
    );
  };

  return async () => {
    if (await orFail(shell.used(), trouble)) {
      usedAt = performance.now();
      warned = false;
    }
    const idle = Math.floor((performance.now() - usedAt) / 1000);
    if (Math.abs(idle - reported) >= REPORT_SECONDS) {
      reported = idle;
      context.progress({ message: "Waiting for the user of the shell", idleSeconds: idle });
    }
    if (idle >= limit) end();
    if (!warned && idle >= limit - ahead) await orFail(warn(), trouble);
  };
}

/** The command that left the word is over and its session told so before sshd ends: to its user it would have failed. */
async function farewell(shell: OpenShell, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + FAREWELL_MS;
  while (performance.now() < deadline && (await orFail(shell.occupied(), trouble)))
    await delay(LEAVING_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** Until the user says how to go on, nobody has used the shell for too long, or it has ended. */
export async function waitForWord(context: StepContext): Promise<"complete" | "failed"> {
  const { plan, signal, state } = context;
  const shell = left(state.shell, "the shell");
  let watchedAt = Number.NEGATIVE_INFINITY;
  const watch = createIdleWatch(context, shell, left(plan.shell, "how to open the shell"));
  let end: string | undefined;
  void shell.ended.then((how) => (end = how));
  for (;;) {
    const word = await orFail(shell.said(), trouble);
    if (word !== undefined) {
      await farewell(shell, signal);
      return word;
    }
    if (end !== undefined)
      throw new StepFailure("shell_failed", `sshd ended before the user was done (${end}).`, {
        hint: "Somebody in the shell, or on the machine, ended it: see the job's log, then retry.",
      });
    if (performance.now() - watchedAt >= WATCH_MS) {
      watchedAt = performance.now();
      await watch();
    }
    await delay(LISTEN_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

export const waitForUser: StepFunction<"wait-for-user"> = async (context) => {
  const word = await waitForWord(context);
  context.log(`The user is done: ${word}`);
  if (word === "complete") return;
  throw new StepFailure(
    "user_failed",
    "The shell's user ended the job with the file failed: no image is made.",
    {
      hint: "Whoever customized the image, be it a program, knows why; the job's log may say more. Then retry.",
    },
  );
};
