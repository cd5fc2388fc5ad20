import { isDomainError } from "../../core/errors.ts";
import type { AgentFailure } from "../../core/jobs/agent-messages.ts";
import type { FailureCode } from "../../core/jobs/failure.ts";
import { WORK_FOLDER_LOST } from "../../core/jobs/losses.ts";
import { memoryHint } from "../../core/jobs/shortage.ts";
import type { DiskTool } from "../../core/ports/agent-tools.ts";
import type { JobLimits } from "../../core/ports/job-runner.ts";
import { StepFailure } from "./step.ts";

/** Failures that a program that was killed can be the reason of. */
const OF_PROGRAMS: ReadonlySet<FailureCode> = new Set([
  "build_failed",
  "unpacking_failed",
  "packing_failed",
  "template_failed",
  "internal",
]);
const LOOK_MILLISECONDS = 1000;
/** What others free on the same disk hides what the job takes: look at the folder itself at least so often. */
const LONGEST_BLIND_MILLISECONDS = 60_000;
/** A look at the folder may take this share of the time. */
const SHARE = 0.02;

export interface ResourcesConfig {
  /** Absent: as much as there is. */
  readonly limits: JobLimits | undefined;
  /** Programs of the job that the kernel killed because memory ran out; `undefined` where nobody counts. */
  readonly memory: () => Promise<{ readonly kills: number; readonly peakBytes?: number } | undefined>;
  readonly disk: DiskTool;
  readonly workFolder: string;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** What the job uses of its machine, and what that has to do with how it ends. */
export interface JobResources {
  /** Aborted with a {@link StepFailure} when the job uses more disk than it may. */
  readonly exceeded: AbortSignal;
  /** A step has succeeded: whatever was killed in it was not missed. */
  passed(): Promise<void>;
  /** The failure as it is to be told: the name of what ran out, with numbers. */
  explain(failure: AgentFailure): Promise<AgentFailure>;
}

export function createResources(config: ResourcesConfig): JobResources {
  const { limits, memory, disk, workFolder } = config;
  const exceeded = new AbortController();
  let forgiven = 0;
  if (limits !== undefined) void watchDisk(config, limits.diskBytes, exceeded);

  const outOfMemory = async (failure: AgentFailure): Promise<AgentFailure | undefined> => {
    const use = await memory();
    if (use === undefined || use.kills <= forgiven || !OF_PROGRAMS.has(failure.code)) return undefined;
    return {
      ...failure,
      code: "oom_killed",
      message: `Memory ran out, and the kernel killed a program of the job. ${failure.message}`,
      hint: memoryHint({ limitBytes: limits?.memoryBytes, peakBytes: use.peakBytes }),
    };
  };

  return {
    exceeded: exceeded.signal,
    passed: async () => {
      forgiven = (await memory())?.kills ?? 0;
    },
    explain: async (failure) => {
      if (!(await disk.exists(workFolder)))
        return { ...WORK_FOLDER_LOST, message: `${WORK_FOLDER_LOST.message} ${failure.message}` };
      return (await outOfMemory(failure)) ?? failure;
    },
  };
}

/** `undefined` when it cannot be told, or need not be any more. */
async function orUnknown<T>(asking: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (isDomainError(error) || signal.aborted) return undefined;
    throw error;
  }
}

/**
 * Looks every second how much the disk has left, which costs nothing, and at the folder itself only when so much is
 * gone that the job could have used more than it may.
 */
async function watchDisk(
  { disk, signal, workFolder }: ResourcesConfig,
  limit: number,
  exceeded: AbortController,
): Promise<void> {
  let known = {
    free: await orUnknown(disk.free(workFolder), signal),
    used: 0,
    at: performance.now(),
    took: 0,
  };
  for (;;) {
    if (!(await pause(signal))) return;
    const free = await orUnknown(disk.free(workFolder), signal);
    if (free === undefined || !worthLooking(known, free, limit)) continue;
    const began = performance.now();
    const used = (await orUnknown(disk.use(workFolder, signal), signal))?.used;
    if (used === undefined) continue;
    known = { free, used, at: performance.now(), took: performance.now() - began };
    if (used > limit) return exceeded.abort(tooMuch());
  }
}

interface Known {
  readonly free: number | undefined;
  readonly used: number;
  readonly at: number;
  readonly took: number;
}

function worthLooking(known: Known, free: number, limit: number): boolean {
  const age = performance.now() - known.at;
  if (age < known.took / SHARE) return false;
  const taken = (known.free ?? free) - free;
  return age > LONGEST_BLIND_MILLISECONDS || known.used + taken > limit;
}

/** Whether the watch goes on afterwards. */
async function pause(signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, LOOK_MILLISECONDS);
    signal.addEventListener("abort", done);
  });
  return !signal.aborted;
}

/** How much was asked for and used is told of whatever fills a disk. */
function tooMuch(): StepFailure {
  return new StepFailure("disk_full", "The job used more of the disk than it may.", {
    hint: "Ask for more (build_env_size).",
  });
}
