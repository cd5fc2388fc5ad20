import type { AgentTools } from "../core/ports/agent-tools.ts";
import type { RunCommand } from "../core/ports/commands.ts";
import { createRootArchives } from "./archive/root-archive.ts";
import { unpackArchive } from "./archive/unpack.ts";
import { createKiwi } from "./build/kiwi.ts";
import { createPacker } from "./build/packer.ts";
import { createBootFiles } from "./package/boot-files.ts";
import { createPackageLists } from "./package/packages.ts";
import { createSquashfs } from "./package/squashfs.ts";
import { createDiskTool } from "./process/disk-use.ts";
import { createRepositories } from "./repositories/http.ts";
import { createJinja } from "./templates/jinja.ts";
import { createShell } from "./shell/shell.ts";
import { createTransfer, type TransferConfig } from "./transfer/transfer.ts";

export interface AgentToolsConfig {
  /** `/usr/bin/python3` by default: the one that has Debian's python3-jinja2. */
  readonly python?: string;
  /** `kiwi-ng` of the PATH by default. */
  readonly kiwi?: string;
  /** Folder of keys for kiwi to trust packages by; none by default. */
  readonly signingKeys?: string;
  /** `packer` of the PATH by default. */
  readonly packer?: string;
  /** Folder of packer's plugins; each build fetches its own by default. */
  readonly packerPlugins?: string;
  /** `mksquashfs` of the PATH by default. */
  readonly mksquashfs?: string;
  /** `unsquashfs` of the PATH by default. */
  readonly unsquashfs?: string;
  /** This machine's by default, as `process.arch` has it. */
  readonly machine?: string;
  /** What the job may use; absent: as much as there is. */
  readonly memoryBytes?: number | undefined;
  readonly transfer?: TransferConfig;
  /** At which shells listen, on all addresses; where the job's plan says by default. */
  readonly shellPort?: number | undefined;
  /** On which shells listen, at any free port; where the job's plan says by default. */
  readonly shellHost?: string | undefined;
}

/** Everything that an agent's steps let others do. */
export function createAgentTools(run: RunCommand, config: AgentToolsConfig = {}): AgentTools {
  const {
    python,
    kiwi,
    signingKeys,
    packer,
    packerPlugins,
    mksquashfs,
    unsquashfs,
    machine = process.arch,
  } = config;
  return {
    transfer: createTransfer(config.transfer),
    archive: { unpack: unpackArchive },
    templates: createJinja({ run, ...(python === undefined ? {} : { python }) }),
    repositories: createRepositories(),
    kiwi: createKiwi({
      run,
      machine,
      ...(kiwi === undefined ? {} : { program: kiwi }),
      ...(signingKeys === undefined ? {} : { signingKeys }),
    }),
    packer: createPacker({
      run,
      ...(packer === undefined ? {} : { program: packer }),
      ...(packerPlugins === undefined ? {} : { plugins: packerPlugins }),
    }),
    rootArchives: createRootArchives(run),
    bootFiles: createBootFiles(),
    packages: createPackageLists(run),
    disk: createDiskTool(run),
    squashfs: createSquashfs({
      run,
      memoryBytes: config.memoryBytes,
      ...(mksquashfs === undefined ? {} : { program: mksquashfs }),
      ...(unsquashfs === undefined ? {} : { unpacker: unsquashfs }),
    }),
    shell: createShell(run, { port: config.shellPort, host: config.shellHost }),
  };
}
