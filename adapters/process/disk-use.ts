import { stat, statfs } from "node:fs/promises";
import { isDomainError } from "../../core/errors.ts";
import type { DiskTool } from "../../core/ports/agent-tools.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { asDomainError, isMissing } from "./errors.ts";

/** A tree of many files takes longer; then only the disk is told of. */
const COUNTING_MS = 20_000;

async function usedBelow(run: RunCommand, folder: string, signal: AbortSignal): Promise<number | undefined> {
  const args = ["--summarize", "--one-file-system", "--block-size=1", "--", folder];
  const limit = AbortSignal.timeout(COUNTING_MS);
  try {
    const { tail } = await run({ file: "du", args, quiet: true, signal: AbortSignal.any([signal, limit]) });
    const found = tail.map((line) => /^(\d+)\s/u.exec(line)?.[1]).findLast((bytes) => bytes !== undefined);
    return found === undefined ? undefined : Number(found);
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted || isDomainError(error)) return undefined;
    throw error;
  }
}

export function createDiskTool(run: RunCommand): DiskTool {
  return {
    async free(folder) {
      try {
        const { bavail, bsize } = await statfs(folder);
        return bavail * bsize;
      } catch (error) {
        throw asDomainError(error, "The free space of the disk cannot be told.");
      }
    },
    async exists(folder) {
      try {
        // One that was removed while it is mounted somewhere else can still be looked at there.
        return (await stat(folder)).nlink > 0;
      } catch (error) {
        if (isMissing(error)) return false;
        throw asDomainError(error, "The work folder cannot be looked at.");
      }
    },
    async use(folder, signal) {
      try {
        const { bavail, blocks, bsize } = await statfs(folder);
        const used = await usedBelow(run, folder, signal);
        return { size: blocks * bsize, free: bavail * bsize, ...(used === undefined ? {} : { used }) };
      } catch (error) {
        signal.throwIfAborted();
        throw asDomainError(error, "The disk's use cannot be told.");
      }
    },
  };
}
