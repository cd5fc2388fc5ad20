import type { Builder } from "../../core/images/provenance.ts";
import type { AgentTools, OpenShell, PartsOrder } from "../../core/ports/agent-tools.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import type { AgentFinish, ImagePart, UploadTarget } from "../../core/jobs/agent-messages.ts";
import type { FailureCode } from "../../core/jobs/failure.ts";
import type { Plan, StepName, StepOf } from "../../core/jobs/plan.ts";

export type { RunCommand } from "../../core/ports/commands.ts";

export interface JobService {
  /** A fresh place to put a part. @throws DomainError `unavailable` when the service cannot be reached for now. */
  uploadTarget(part: ImagePart, size: number): Promise<UploadTarget>;
  /** For parts of an artifact that the service wants in parts. */
  readonly parts: PartsOrder;
}

export type UploadedArtifact = AgentFinish["artifacts"][number];

/** Absolute paths of regular files inside the image root. */
export interface BootFiles {
  readonly kernel: string;
  readonly initrd: string;
  readonly bootParameters?: string;
}

/** What earlier steps leave for later ones; absolute paths. Starts as `{ uploaded: [] }`. */
export interface StepState {
  recipeArchive?: string;
  /** Holds the recipe's description (config.xml). */
  recipeFolder?: string;
  imageRoot?: string;
  /** A squashfs that is to be unpacked. */
  baseRootfs?: string;
  /** While it is open; whoever ends the work closes it. */
  shell?: OpenShell;
  bootFiles?: BootFiles;
  /** The list of the image's packages; absent when it has no package database. */
  packages?: string;
  rootfs?: string;
  /** What made the image root; absent when no program of its own did. */
  builder?: Builder;
  uploaded: readonly UploadedArtifact[];
}

/** What is being done. */
export interface Progress {
  readonly message?: string;
  readonly percent?: number;
  /** For how many seconds nobody has used the job's shell. */
  readonly idleSeconds?: number;
}

export interface StepContext {
  readonly plan: Plan;
  /** Absolute; everything the job writes lies below it. */
  readonly workFolder: string;
  /** One line into the job's log. */
  readonly log: (line: string) => void;
  readonly progress: (progress: Progress) => void;
  /** Aborted on cancel; every step then rejects with its reason. */
  readonly signal: AbortSignal;
  readonly run: RunCommand;
  readonly service: JobService;
  readonly tools: AgentTools;
  readonly state: StepState;
}

export interface FailureDetails {
  readonly hint: string;
  readonly exitCode?: number;
  readonly cause?: unknown;
}

/** Thrown by a step: becomes the job's error. */
export class StepFailure extends Error {
  override readonly name = "StepFailure";
  readonly code: FailureCode;
  readonly hint: string;
  readonly exitCode: number | undefined;

  constructor(code: FailureCode, message: string, details: FailureDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.exitCode = details.exitCode;
  }
}

export type StepFunction<N extends StepName> = (context: StepContext, step: StepOf<N>) => Promise<void>;

/** One function for each step that a plan may hold. */
export type StepTable = { readonly [N in StepName]: StepFunction<N> };
