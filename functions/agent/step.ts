import type { RunCommand } from "../../core/ports/commands.ts";
import type { AgentFinish, ImagePart, UploadTarget } from "../../core/jobs/agent-messages.ts";
import type { FailureCode } from "../../core/jobs/failure.ts";
import type { PackOptions, Plan, StepName, StepOf } from "../../core/jobs/plan.ts";

export type { RunCommand } from "../../core/ports/commands.ts";

export interface JobService {
  /** A fresh place to put a part. @throws DomainError `unavailable` when the service cannot be reached for now. */
  uploadTarget(part: ImagePart): Promise<UploadTarget>;
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
  bootFiles?: BootFiles;
  rootfs?: string;
  uploaded: readonly UploadedArtifact[];
}

/**
 * What the steps let others do. Errors are DomainErrors: `invalid` when the material is at fault, `not-found` when a
 * program is missing, `storage-full`, `unavailable` for everything that cannot be reached. An aborted signal makes
 * every call reject with its reason.
 */
export interface StepTools {
  readonly transfer: TransferTool;
  readonly archive: ArchiveTool;
  readonly templates: TemplateTool;
  readonly repositories: RepositoryTool;
  readonly kiwi: KiwiTool;
  readonly bootFiles: BootFileTool;
  readonly squashfs: SquashfsTool;
}

export interface DownloadOrder {
  readonly url: string;
  readonly file: string;
  readonly size: number;
  readonly md5?: string;
  readonly sha256?: string;
  readonly onProgress: (bytes: number) => void;
  readonly onRetry: (reason: string) => void;
  readonly signal: AbortSignal;
}

export interface UploadOrder {
  readonly file: string;
  /** Asked again for each try. */
  readonly target: () => Promise<UploadTarget>;
  readonly onProgress: (bytes: number, size: number) => void;
  readonly onRetry: (reason: string) => void;
  readonly signal: AbortSignal;
}

export interface TransferTool {
  /** Fetches in ranges, again and again within a bounded time. @throws `invalid` when size or digest differ. */
  download(order: DownloadOrder): Promise<void>;
  upload(
    order: UploadOrder,
  ): Promise<{ readonly size: number; readonly md5: string; readonly sha256: string }>;
}

export interface ArchiveTool {
  /**
   * Unpacks a tar.gz into a new folder, never outside of it. `maxBytes` counts what the gzip stream unpacks to,
   * `maxEntries` also the folders made on the way.
   * @throws `invalid` for anything that is not a harmless, whole tar.gz.
   */
  unpack(order: {
    readonly archive: string;
    readonly folder: string;
    readonly maxBytes: number;
    readonly maxEntries: number;
    readonly signal: AbortSignal;
  }): Promise<{ readonly entries: number; readonly bytes: number }>;
}

export interface TemplateTool {
  /** The files that the recipe wants rendered; `undefined` when it has no such list. @throws `invalid` for a bad list. */
  listed(recipeFolder: string): Promise<readonly string[] | undefined>;
  /**
   * Renders the files in place with Jinja2, keeping their modes.
   * @throws `invalid` naming file (and line) that cannot be rendered; `not-found` when Python or Jinja2 is missing.
   */
  render(order: {
    readonly recipeFolder: string;
    readonly files: readonly string[];
    readonly variables: Readonly<Record<string, string>>;
    readonly scratchFolder: string;
    readonly signal: AbortSignal;
  }): Promise<void>;
}

/** A repository of a recipe; `url` is http(s) and may hold credentials, `label` never does. */
export interface RemoteRepository {
  readonly label: string;
  /** URLs of which one must answer for the repository to be taken as ready. */
  readonly probes: readonly string[];
}

export interface RepositoryTool {
  /** Asks for the probes until one answers. `answer` tells what came back, without credentials. */
  ask(
    repository: RemoteRepository,
    signal: AbortSignal,
  ): Promise<{ readonly ready: boolean; readonly answer: string }>;
}

export interface RecipeDescription {
  readonly remote: readonly RemoteRepository[];
  /** Repositories that are not asked, in words for the log. */
  readonly unasked: readonly string[];
  /** The image types the recipe has, in its order: `tbz`, `oem`, ... */
  readonly imageTypes: readonly string[];
}

export interface KiwiTool {
  /** What this machine builds for, as a job's arch; `undefined` when it is none that jobs know. */
  readonly machineArch: string | undefined;
  /** The folder with the description, `undefined` when there is none. @throws `invalid` when it lies outside. */
  locate(unpackedFolder: string): Promise<string | undefined>;
  /** @throws `invalid` when the description is not XML or not an image description. */
  describe(recipeFolder: string, arch: string): Promise<RecipeDescription>;
  /** @throws `not-found` when there is no kiwi. */
  version(signal: AbortSignal): Promise<string>;
  /** `system prepare`. Any end of kiwi resolves; `lines` are its and its log file's last ones, oldest first. */
  prepare(order: {
    readonly recipeFolder: string;
    readonly imageRoot: string;
    readonly scratchFolder: string;
    readonly imageType?: string;
    /** What is worth a line in the job's log. */
    readonly onLine: (line: string) => void;
    readonly onProgress: (message: string, percent: number | undefined) => void;
    readonly signal: AbortSignal;
  }): Promise<{ readonly exitCode: number; readonly lines: readonly string[] }>;
}

export interface BootFileTool {
  /** The regular file at this path, all links followed inside the image root; `undefined` when there is none. */
  find(imageRoot: string, path: string): Promise<string | undefined>;
  /** Names in a folder of the image root; empty when there is none. */
  names(imageRoot: string, folder: string): Promise<readonly string[]>;
  /** Makes kiwi's own `/image` readable for root alone: folders 700, files 600. */
  closeBuildFolder(imageRoot: string): Promise<void>;
}

export interface SquashfsTool {
  /** Unmounts what is mounted below the folder. @throws `unavailable` when something stays mounted. */
  unmountBelow(folder: string): Promise<readonly string[]>;
  /** Bytes that the squashfs needs at the very least, and that are free where it goes. */
  space(
    folder: string,
    file: string,
    signal: AbortSignal,
  ): Promise<{ readonly needed: number; readonly free: number }>;
  /** Packs the whole folder into a new file; any end of mksquashfs resolves. */
  pack(order: {
    readonly folder: string;
    readonly file: string;
    readonly options: PackOptions;
    readonly onLine: (line: string) => void;
    readonly onPercent: (percent: number) => void;
    readonly signal: AbortSignal;
  }): Promise<{ readonly exitCode: number; readonly lines: readonly string[] }>;
}

export interface StepContext {
  readonly plan: Plan;
  /** Absolute; everything the job writes lies below it. */
  readonly workFolder: string;
  /** One line into the job's log. */
  readonly log: (line: string) => void;
  readonly progress: (progress: { readonly message?: string; readonly percent?: number }) => void;
  /** Aborted on cancel; every step then rejects with its reason. */
  readonly signal: AbortSignal;
  readonly run: RunCommand;
  readonly service: JobService;
  readonly tools: StepTools;
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
