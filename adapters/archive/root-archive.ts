import { mkdir, rm } from "node:fs/promises";
import { DomainError, isDomainError } from "../../core/errors.ts";
import type { RootArchiveOrder, RootArchiveTool } from "../../core/ports/agent-tools.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { fileError } from "./fs-errors.ts";

/** A record of GNU tar: 20 blocks of 512 bytes. */
const RECORD_BYTES = 10_240;
/** How often tar says how far it is; no more than this is unpacked past the limit. */
const CHECKPOINT_RECORDS = 1024;
const CHECKPOINT = /^ims-records (\d+)$/u;

const DECOMPRESS = { none: [], gzip: ["--gzip"], xz: ["--xz"], zstd: ["--zstd"] } as const;

/**
 * GNU tar, because of what a root file system has that our own unpacker for recipes does not keep: owners, devices,
 * ACLs, extended attributes, sparse files. It takes `/` and `..` away from names or refuses them, and makes links that
 * lead out of the folder only after everything else, so nothing is written through them.
 */
function argumentsOf({ archive, compression, folder }: RootArchiveOrder): readonly string[] {
  return [
    "--extract",
    `--file=${archive}`,
    // a name with a colon is a file, not a tape on another machine
    "--force-local",
    ...DECOMPRESS[compression],
    `--directory=${folder}`,
    "--numeric-owner",
    "--same-owner",
    "--preserve-permissions",
    "--acls",
    "--xattrs",
    "--xattrs-include=*",
    "--delay-directory-restore",
    `--checkpoint=${CHECKPOINT_RECORDS}`,
    "--checkpoint-action=echo=ims-records %u",
  ];
}

function explain(exitCode: number, lines: readonly string[]): DomainError {
  const text = lines.join("\n");
  if (/No space left on device|Disk quota exceeded/u.test(text))
    return new DomainError("storage-full", "The disk was full before the root archive was unpacked.");
  const missing = /tar \(child\): (\S+): Cannot exec/u.exec(text)?.[1];
  if (missing !== undefined) return new DomainError("not-found", `${missing} is missing.`);
  const words = lines.findLast((line) => !/Exiting with failure status|Error is not recoverable/u.test(line));
  return new DomainError(
    "invalid",
    `tar ended with exit code ${exitCode}: ${(words ?? "it said nothing").slice(0, 300)}`,
  );
}

/** Unpacks what a build made of a root file system. */
export function createRootArchives(run: RunCommand): RootArchiveTool {
  async function runTar(order: RootArchiveOrder): Promise<void> {
    const lines: string[] = [];
    const take = (line: string): void => {
      const records = CHECKPOINT.exec(line.replace(/^tar: /u, ""))?.[1];
      if (records === undefined) {
        lines.push(line.slice(0, 1000));
        if (lines.length > 50) lines.shift();
        return order.onLine(line);
      }
      const bytes = Number(records) * RECORD_BYTES;
      order.onBytes(bytes);
      if (bytes > order.maxBytes)
        throw new DomainError(
          "invalid",
          `The root archive unpacks to more than the ${order.maxBytes} bytes that are allowed.`,
        );
    };
    const args = argumentsOf(order);
    const { exitCode } = await run({ file: "tar", args, quiet: true, onLine: take, signal: order.signal });
    if (exitCode !== 0) throw explain(exitCode, lines);
  }

  return {
    async unpack(order) {
      try {
        await mkdir(order.folder, { mode: 0o755 });
      } catch (error) {
        throw fileError(error, "preparing the folder for the root archive");
      }
      try {
        await runTar(order);
        await rm(order.archive, { force: true });
      } catch (error) {
        if (!isDomainError(error, "not-found") || error.message.endsWith("is missing.")) throw error;
        throw new DomainError("not-found", "tar is missing.", { cause: error });
      }
    },
  };
}
