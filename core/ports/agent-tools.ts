import type { UploadTarget } from "../jobs/agent-messages.ts";
import type { BuildOutput, PackerTemplate, RootCompression } from "../jobs/packer-template.ts";
import type { PackOptions } from "../jobs/plan.ts";

/**
 * What the steps let others do. Errors are DomainErrors: `invalid` when the material is at fault, `not-found` when a
 * program is missing, `storage-full`, `unavailable` for everything that cannot be reached. An aborted signal makes
 * every call reject with its reason.
 */
export interface AgentTools {
  readonly transfer: TransferTool;
  readonly archive: ArchiveTool;
  readonly templates: TemplateTool;
  readonly repositories: RepositoryTool;
  readonly kiwi: KiwiTool;
  readonly packer: PackerTool;
  readonly rootArchives: RootArchiveTool;
  readonly bootFiles: BootFileTool;
  readonly packages: PackageTool;
  readonly squashfs: SquashfsTool;
  readonly shell: ShellTool;
  readonly disk: DiskTool;
}

/** In bytes. */
export interface DiskUse {
  /** By the folder; absent when counting takes too long. */
  readonly used?: number;
  /** Of the disk that holds it. */
  readonly free: number;
  readonly size: number;
}

export interface DiskTool {
  use(folder: string, signal: AbortSignal): Promise<DiskUse>;
  /** What is left on the folder's disk, in bytes; costs nothing. */
  free(folder: string): Promise<number>;
  /** Whether the folder is still there. */
  exists(folder: string): Promise<boolean>;
}

/** What to fetch into which file. Digests are lower-case hex. */
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

/**
 * What is said of an upload in parts. Each throws as `target` does: `unavailable` when trying again may help.
 */
export interface PartsOrder {
  readonly there: (
    upload: string,
  ) => Promise<readonly { readonly part_number: number; readonly size: number }[]>;
  readonly url: (upload: string, part: number) => Promise<string>;
  readonly complete: (upload: string, digests: Digests) => Promise<void>;
}

/** What to send where. */
export interface UploadOrder {
  readonly file: string;
  /** `application/octet-stream` by default. */
  readonly contentType?: string;
  /** Asked again for each try, with the file's size. */
  readonly target: (size: number) => Promise<UploadTarget>;
  /** For targets that want the file in parts. */
  readonly parts: PartsOrder;
  readonly onProgress: (bytes: number, size: number) => void;
  readonly onRetry: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** Lower-case hex. */
export interface Digests {
  readonly size: number;
  readonly md5: string;
  readonly sha256: string;
}

export interface TransferTool {
  /** Fetches in ranges, again and again within a bounded time. @throws `invalid` when size or digest differ. */
  download(order: DownloadOrder): Promise<void>;
  upload(order: UploadOrder): Promise<Digests>;
}

/** Where a tar.gz goes: into a folder that must not exist. */
export interface UnpackOrder {
  readonly archive: string;
  readonly folder: string;
  readonly maxBytes: number;
  readonly maxEntries: number;
  readonly signal: AbortSignal;
}

export interface ArchiveTool {
  /**
   * Unpacks a tar.gz into a new folder, never outside of it. `maxBytes` counts what the gzip stream unpacks to,
   * `maxEntries` also the folders made on the way.
   * @throws `invalid` for anything that is not a harmless, whole tar.gz.
   */
  unpack(order: UnpackOrder): Promise<{ readonly entries: number; readonly bytes: number }>;
}

/** Files as the recipe lists them; the scratch folder is on the file system of the recipe. */
export interface RenderOrder {
  readonly recipeFolder: string;
  readonly files: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  readonly scratchFolder: string;
  readonly signal: AbortSignal;
}

export interface TemplateTool {
  /** The files that the recipe wants rendered; `undefined` when it has no such list. @throws `invalid` for a bad list. */
  listed(recipeFolder: string): Promise<readonly string[] | undefined>;
  /**
   * Renders the files in place with Jinja2, keeping their modes.
   * @throws `invalid` naming file (and line) that cannot be rendered; `not-found` when Python or Jinja2 is missing.
   */
  render(order: RenderOrder): Promise<void>;
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

/** `imageRoot` must not exist; the scratch folder takes log file, cache and temporary files. */
export interface PrepareOrder {
  readonly recipeFolder: string;
  readonly imageRoot: string;
  readonly scratchFolder: string;
  readonly imageType?: string;
  /** What is worth a line in the job's log. */
  readonly onLine: (line: string) => void;
  readonly onProgress: (message: string, percent: number | undefined) => void;
  readonly signal: AbortSignal;
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
  prepare(order: PrepareOrder): Promise<{ readonly exitCode: number; readonly lines: readonly string[] }>;
}

/** What packer is given, and where. All folders exist; the output folder is new and empty. */
export interface PackerOrder {
  readonly recipeFolder: string;
  readonly template: PackerTemplate;
  /** Takes packer's cache, plugins, home and temporary files. */
  readonly scratchFolder: string;
  /** Only those that the template declares reach it. */
  readonly variables: Readonly<Record<string, string>>;
  /** For the programs that the build runs. */
  readonly env: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
  readonly onProgress: (message: string) => void;
  readonly signal: AbortSignal;
}

export interface ToolEnd {
  readonly exitCode: number;
  /** The last lines it printed, oldest first. */
  readonly lines: readonly string[];
}

export interface PackerTool {
  /** Files that lie at the root of an unpacked recipe, or in its one top folder when everything lies in that. */
  look(unpackedFolder: string): Promise<{ readonly folder: string; readonly files: readonly string[] }>;
  /** @throws `not-found` when there is no packer. The scratch folder is that of the build. */
  version(scratchFolder: string, signal: AbortSignal): Promise<string>;
  /** Whether the template has a `required_plugins` block and the machine no plugins of its own. */
  mustFetchPlugins(recipeFolder: string, template: PackerTemplate): Promise<boolean>;
  /** Fetches the plugins that the template asks for. Any end of packer resolves. */
  init(order: PackerOrder): Promise<ToolEnd>;
  /** Any end of packer resolves. */
  build(order: PackerOrder): Promise<ToolEnd>;
  /** Makes the folder into which builds put what they made. */
  makeOutput(folder: string): Promise<void>;
  output(folder: string): Promise<BuildOutput>;
}

/** An archive of a root file system, to be unpacked into a folder that must not exist. */
export interface RootArchiveOrder {
  readonly archive: string;
  readonly compression: RootCompression;
  readonly folder: string;
  /** Of what the archive unpacks to. */
  readonly maxBytes: number;
  readonly onBytes: (bytes: number) => void;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface RootArchiveTool {
  /**
   * Unpacks with owners, modes, times, ACLs, extended attributes and devices, never outside of the folder, and removes
   * the archive, which takes as much room again.
   * @throws `invalid` for an archive that is damaged, too large or reaches out, `not-found` when tar or what
   * decompresses is missing.
   */
  unpack(order: RootArchiveOrder): Promise<void>;
}

export interface BootFileTool {
  /** The regular file at this path, all links followed inside the image root; `undefined` when there is none. */
  find(imageRoot: string, path: string): Promise<string | undefined>;
  /** Names in a folder of the image root; empty when there is none. */
  names(imageRoot: string, folder: string): Promise<readonly string[]>;
  /** Makes kiwi's own `/image` readable for root alone: folders 700, files 600. */
  closeBuildFolder(imageRoot: string): Promise<void>;
}

/** `file` gets the list, the scratch folder what is needed on the way. */
export interface PackageListOrder {
  readonly imageRoot: string;
  readonly file: string;
  readonly scratchFolder: string;
  readonly signal: AbortSignal;
}

export interface PackageTool {
  /**
   * Writes the list of an image's packages, as its dpkg or rpm database has them, without running programs of the image
   * or changing it. `undefined`, and no file, when the image has no such database.
   * @throws `invalid` for a damaged database, `not-found` when rpm is needed and missing.
   */
  write(
    order: PackageListOrder,
  ): Promise<{ readonly manager: "dpkg" | "rpm"; readonly count: number } | undefined>;
}

/** `file` must not exist. */
export interface PackOrder {
  readonly folder: string;
  readonly file: string;
  readonly options: PackOptions;
  readonly onLine: (line: string) => void;
  readonly onPercent: (percent: number) => void;
  readonly signal: AbortSignal;
}

/** `folder` must not exist. */
export interface UnpackRootfsOrder {
  readonly file: string;
  readonly folder: string;
  readonly onLine: (line: string) => void;
  readonly onPercent: (percent: number) => void;
  readonly signal: AbortSignal;
}

export interface SquashfsTool {
  /** @throws `not-found` when unsquashfs is missing. */
  expectUnpacker(signal: AbortSignal): Promise<void>;
  /** Unpacks everything with all that the files are (owners, modes, attributes, holes); any end of unsquashfs resolves. */
  unpack(order: UnpackRootfsOrder): Promise<{ readonly exitCode: number; readonly lines: readonly string[] }>;
  /** Unmounts what is mounted below the folder. @throws `unavailable` when something stays mounted. */
  unmountBelow(folder: string): Promise<readonly string[]>;
  /** Whether the disk that holds both has room for whatever may be in the folder: costs nothing to tell. */
  isAmple(folder: string, file: string): Promise<boolean>;
  /** Bytes that the squashfs needs at the very least, and that are free where it goes. */
  space(
    folder: string,
    file: string,
    signal: AbortSignal,
  ): Promise<{ readonly needed: number; readonly free: number }>;
  /** Packs the whole folder into a new file; any end of mksquashfs resolves. */
  pack(order: PackOrder): Promise<{ readonly exitCode: number; readonly lines: readonly string[] }>;
}

/** What a shell is to be. */
export interface OpenShellOrder {
  readonly publicKey: string;
  readonly host: string;
  /** Absent: any free port. */
  readonly ports?: { readonly first: number; readonly last: number };
  readonly jail: boolean;
  /** Whether the image root gets the machine's devices and a writable /sys, as building kernel modules needs. */
  readonly dkms: boolean;
  /** What every login finds in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Shown as /mnt/image; holds `image-root`. */
  readonly folder: string;
  /** For keys and configuration; must not exist. */
  readonly scratchFolder: string;
  /** What is worth a line in the job's log. */
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

export const SHELL_MARKERS = ["complete", "failed"] as const;
export type ShellMarker = (typeof SHELL_MARKERS)[number];

/** A shell that answers. */
export interface OpenShell {
  readonly port: number;
  /** Absent: only who put the agent where it is knows by which address users reach it. */
  readonly host?: string;
  /** What its user said by a file of that name, if anything yet; `failed` counts more. */
  said(): Promise<ShellMarker | undefined>;
  /** Whether somebody has used it since it was asked last; asked every second or so. */
  used(): Promise<boolean>;
  /** Whether anybody is logged in, or anything runs in it that a login left behind. */
  occupied(): Promise<boolean>;
  /** Shows a line on every terminal that is logged in. */
  warn(text: string): Promise<void>;
  /** Resolves when sshd has ended without being told to, with how. */
  readonly ended: Promise<string>;
  /**
   * Ends everything that runs in it, unmounts what was mounted for it, and leaves the image root as its user made it:
   * without the markers, and with its own resolv.conf. Safe to repeat. @throws `unavailable`
   */
  close(): Promise<void>;
}

export interface ShellTool {
  /** Proves that shells can be opened here. @throws `not-found` when a program is missing, `forbidden` where they cannot. */
  check(signal: AbortSignal): Promise<void>;
  /** Why sshd could not use this text of an authorized_keys file; `undefined` when it can. */
  keyTrouble(publicKey: string, scratchFolder: string, signal: AbortSignal): Promise<string | undefined>;
  /**
   * Resolves when sshd has greeted at the port.
   * @throws `invalid` when the image root has nothing to log in to, `unavailable`.
   */
  open(order: OpenShellOrder): Promise<OpenShell>;
}
