import { type DomainError, isDomainError } from "../../../core/errors.ts";
import type { FailureCode } from "../../../core/jobs/failure.ts";
import { StepFailure } from "../step.ts";

/** Where nothing better can be said. */
export const LOG_HINT = "The last lines of the job's log say more.";

const DISK_FULL_HINT =
  "The disk that holds the job's work folder is full. Free some space or give the build environment more (build_env_size), then retry.";

export function diskFull(
  message: string,
  details: { readonly exitCode?: number; readonly cause?: unknown } = {},
) {
  return new StepFailure("disk_full", message, { ...details, hint: DISK_FULL_HINT });
}

export function toolMissing(message: string, packages: string, cause?: unknown): StepFailure {
  return new StepFailure("build_tool_missing", message, {
    hint: `Install it on the machine that builds; on Debian and Ubuntu: apt-get install ${packages}`,
    cause,
  });
}

/** Runs what a tool does; its DomainErrors become failures of the job. A full disk is one everywhere. */
export async function orFail<T>(work: Promise<T>, failure: (error: DomainError) => StepFailure): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isDomainError(error)) throw error;
    throw error.code === "storage-full" ? diskFull(error.message, { cause: error }) : failure(error);
  }
}

interface SquashfsEnd {
  readonly program: "mksquashfs" | "unsquashfs";
  /** What was done to the root file system, such as "packed". */
  readonly done: string;
  readonly code: FailureCode;
  readonly hint: string;
}

/** @throws StepFailure unless the program ended well. */
export function expectSquashfsDone(
  { exitCode, lines }: { readonly exitCode: number; readonly lines: readonly string[] },
  { program, done, code, hint }: SquashfsEnd,
): void {
  if (exitCode === 0) return;
  if (/No space left on device|Disk quota exceeded/iu.test(lines.join("\n")))
    throw diskFull(`The disk was full before the root file system was ${done}.`, { exitCode });
  const last = (lines.at(-1) ?? "").slice(0, 300);
  throw new StepFailure(code, `${program} ended with exit code ${exitCode}: ${last}`, { exitCode, hint });
}

/** A failure of one code, with the tool's words for message. */
export function failWith(code: FailureCode, hint: string): (error: DomainError) => StepFailure {
  return (error) => new StepFailure(code, error.message, { hint, cause: error });
}

/** What an earlier step should have left. */
export function left<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new StepFailure("internal", `The plan lacks the step that leaves ${what}.`, {
    hint: "This is a defect of the service: please report it with the job's log.",
  });
}
