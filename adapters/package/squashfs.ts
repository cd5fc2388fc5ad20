import type { PackOrder, UnpackRootfsOrder } from "../../core/ports/agent-tools.ts";
import { realpath, stat, statfs } from "node:fs/promises";
import { totalmem } from "node:os";
import { dirname } from "node:path";
import { DomainError, isDomainError } from "../../core/errors.ts";
import type { PackOptions } from "../../core/jobs/plan.ts";
import type { Command, RunCommand } from "../../core/ports/commands.ts";
import { fileError } from "../archive/fs-errors.ts";
import { mountsInside, unmountInside } from "../process/mounts.ts";

/** Hardly any image shrinks further; asking for more would turn away builds that fit. */
const LEAST_SHARE = 0.25;
const KEPT_LINES = 50;
const BAR = /^\[.*\]\s+\d+\/\d+\s+(\d{1,3})%\s*$/u;

export interface SquashfsConfig {
  readonly run: RunCommand;
  /** `mksquashfs` of the PATH by default. */
  readonly program?: string;
  /** `unsquashfs` of the PATH by default. */
  readonly unpacker?: string;
  /** What the job may use; absent: as much as there is. */
  readonly memoryBytes?: number | undefined;
}

/** mksquashfs fills a quarter of the machine's memory with what it has read, whatever the job may use. */
function cacheSize(limit: number, machine = totalmem()): string {
  return `${Math.max(1, Math.floor(Math.min(limit / 2, machine / 4) / 2 ** 20))}M`;
}

/** Options of mksquashfs. lz4 and xz know no level. `memoryBytes`: what the job may use. */
export function packArguments(
  folder: string,
  file: string,
  options: PackOptions,
  memoryBytes?: number,
): readonly string[] {
  const hasLevel = options.compression !== "lz4" && options.compression !== "xz";
  const level = hasLevel ? options.level : undefined;
  return [
    folder,
    file,
    "-noappend",
    "-progress",
    "-xattrs",
    // a file that cannot be read would otherwise become an empty one
    "-exit-on-error",
    ...(memoryBytes === undefined ? [] : ["-mem", cacheSize(memoryBytes)]),
    "-comp",
    options.compression,
    ...(level === undefined ? [] : ["-Xcompression-level", `${level}`]),
    ...(options.processors === undefined ? [] : ["-processors", `${options.processors}`]),
  ];
}

/** Percent that a line of mksquashfs's bar tells; `undefined` for any other line. */
export function readBar(line: string): number | undefined {
  const percent = BAR.exec(line.replaceAll("\r", ""))?.[1];
  return percent === undefined ? undefined : Math.min(100, Number(percent));
}

/** Unmounts what is mounted below the folder, and answers what that was. */
async function unmountBelow(run: RunCommand, folder: string): Promise<readonly string[]> {
  let root: string;
  try {
    root = await realpath(folder);
  } catch (error) {
    throw fileError(error, "looking for mounts in the image");
  }
  const points = await mountsInside(root);
  await unmountInside(root, run);
  return points;
}

/** What the disk has left, and what is on all of it. */
async function disk(file: string): Promise<{ readonly free: number; readonly used: number }> {
  try {
    const { bavail, bfree, blocks, bsize } = await statfs(dirname(file));
    return { free: bavail * bsize, used: (blocks - bfree) * bsize };
  } catch (error) {
    throw fileError(error, "asking for free space");
  }
}

async function usedBytes(run: RunCommand, folder: string, signal: AbortSignal): Promise<number> {
  const args = ["--summarize", "--one-file-system", "--block-size=1", "--", folder];
  const { tail } = await run({ file: "du", args, quiet: true, signal });
  const bytes = tail.map((line) => /^(\d+)\s/u.exec(line)?.[1]).findLast((found) => found !== undefined);
  if (bytes === undefined) throw new DomainError("unavailable", "The size of the image cannot be told.");
  return Number(bytes);
}

/** Whether all that lies on the disk could be packed onto it: then nobody has to count the files of a tree on it. */
async function isAmple(folder: string, file: string): Promise<boolean> {
  const { free, used } = await disk(file);
  try {
    const [{ dev }, place] = await Promise.all([stat(folder), stat(dirname(file))]);
    return dev === place.dev && used * LEAST_SHARE <= free;
  } catch (error) {
    throw fileError(error, "asking for free space");
  }
}

/** squashfs-tools. Errors: `not-found` when one of its programs is missing, `unavailable`. */
export function createSquashfs(config: SquashfsConfig) {
  const { run, program = "mksquashfs", unpacker = "unsquashfs", memoryBytes } = config;
  return {
    unmountBelow: (folder: string) => unmountBelow(run, folder),
    isAmple,
    space: async (folder: string, file: string, signal: AbortSignal) => ({
      needed: Math.ceil((await usedBytes(run, folder, signal)) * LEAST_SHARE),
      free: (await disk(file)).free,
    }),
    pack: (order: PackOrder) => {
      const args = packArguments(order.folder, order.file, order.options, memoryBytes);
      return runWithBar(run, { file: program, args }, order);
    },
    expectUnpacker: async (signal: AbortSignal): Promise<void> => {
      // it ends with 1 even when it is asked for nothing but its version
      await named(unpacker, run({ file: unpacker, args: ["-version"], quiet: true, signal }));
    },
    unpack: (order: UnpackRootfsOrder) =>
      runWithBar(run, { file: unpacker, args: ["-xattrs", "-dest", order.folder, order.file] }, order),
  };
}

async function named<T>(program: string, running: Promise<T>): Promise<T> {
  try {
    return await running;
  } catch (error) {
    if (!isDomainError(error, "not-found")) throw error;
    throw new DomainError("not-found", `${program} is missing.`, { cause: error });
  }
}

/** Any end of the program resolves. */
async function runWithBar(
  run: RunCommand,
  { file, args }: Pick<Command, "file" | "args">,
  { onLine, onPercent, signal }: Pick<PackOrder, "onLine" | "onPercent" | "signal">,
): Promise<{ readonly exitCode: number; readonly lines: readonly string[] }> {
  const lines: string[] = [];
  const take = (line: string): void => {
    const percent = readBar(line);
    if (percent !== undefined) return onPercent(percent);
    if (line.trim() === "") return;
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    onLine(line);
  };
  const { exitCode } = await named(file, run({ file, args, onLine: take, quiet: true, signal }));
  return { exitCode, lines };
}
