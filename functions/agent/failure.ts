import { isDomainError } from "../../core/errors.ts";
import type { AgentFailure } from "../../core/jobs/agent-messages.ts";
import { StepFailure } from "./step.ts";

const LONGEST_TEXT = 2000;

/** The error and what caused it, outermost first. */
function* causes(error: unknown): Generator {
  const seen = new Set<unknown>();
  for (
    let each = error;
    each !== undefined && !seen.has(each);
    each = each instanceof Error ? each.cause : undefined
  ) {
    seen.add(each);
    yield each;
  }
}

function isFullDisk(error: unknown): boolean {
  if (isDomainError(error, "storage-full")) return true;
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

function explained(error: unknown): AgentFailure {
  if (error instanceof StepFailure) {
    const { code, message, hint, exitCode } = error;
    return { code, message, hint, ...(exitCode === undefined ? {} : { exit_code: exitCode }) };
  }
  if ([...causes(error)].some(isFullDisk)) {
    return {
      code: "disk_full",
      message: "The disk that holds the job's work folder is full.",
      hint: "Free some space or give the build environment more (build_env_size), then retry.",
    };
  }
  return {
    code: "internal",
    message: isDomainError(error) ? error.message : "The agent met with an error that it does not know.",
    hint: "This is a defect of the service or of its set-up: the agent's output on its machine says more.",
  };
}

/** What the service is told of an error, cleaned of secrets and within its limits. */
export function failureOf(error: unknown, clean: (text: string) => string): AgentFailure {
  const failure = explained(error);
  const fit = (text: string): string =>
    clean(text.replaceAll(/\s*\n\s*/gu, " "))
      .slice(0, LONGEST_TEXT)
      .toWellFormed();
  return { ...failure, message: fit(failure.message), hint: fit(failure.hint) };
}
