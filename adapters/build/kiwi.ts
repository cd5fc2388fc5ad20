import type { PrepareOrder, RecipeDescription } from "../../core/ports/agent-tools.ts";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { DomainError, isDomainError } from "../../core/errors.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { fileError } from "../archive/fs-errors.ts";
import { isMissing } from "../process/errors.ts";
import { readKiwiLine } from "./kiwi-output.ts";
import { descriptionIn, locateRecipe } from "./locate.ts";

/** Enough for the reason of a failure, which kiwi tells before it cleans up. */
const KEPT_LINES = 200;

export interface KiwiConfig {
  readonly run: RunCommand;
  /** `kiwi-ng` of the PATH by default. */
  readonly program?: string;
  /** As `process.arch` has it. */
  readonly machine: string;
  /** Folder of the keys that packages may be signed with, beside those of the recipe; it need not be there. */
  readonly signingKeys?: string;
}

const ARCHES: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };

/** kiwi's own output shows only when Python neither buffers it nor stumbles over a character. */
const ENVIRONMENT = { LC_ALL: "C.UTF-8", PYTHONUNBUFFERED: "1", PYTHONDONTWRITEBYTECODE: "1" };

async function describe(recipeFolder: string, arch: string): Promise<RecipeDescription> {
  try {
    const path = await descriptionIn(recipeFolder);
    if (path === undefined) throw new DomainError("invalid", "The recipe has no description.");
    // Jobs of other kinds do without the parser, which takes a while to load.
    const { readDescription } = await import("./description.ts");
    return readDescription(await readFile(path, "utf8"), basename(path), arch);
  } catch (error) {
    throw fileError(error, "reading the recipe's description");
  }
}

/** A folder of Kubernetes has files of its own, with names that begin with dots. */
async function keysIn(folder: string | undefined): Promise<readonly string[]> {
  if (folder === undefined) return [];
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => !name.startsWith("."))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw fileError(error, "looking for signing keys");
  }
}

function argumentsOf(order: PrepareOrder, keys: readonly string[]): readonly string[] {
  const { scratchFolder } = order;
  return [
    // without it kiwi keeps to itself what the package manager and the recipe's scripts say
    "--debug",
    "--logfile",
    join(scratchFolder, "kiwi.log"),
    "--shared-cache-dir",
    join(scratchFolder, "cache"),
    "--temp-dir",
    join(scratchFolder, "tmp"),
    ...(order.imageType === undefined ? [] : ["--type", order.imageType]),
    "system",
    "prepare",
    "--description",
    order.recipeFolder,
    "--root",
    order.imageRoot,
    ...keys.map((key) => `--signing-key=${key}`),
  ];
}

/** kiwi-ng 9, 10 or 11. `prepare` resolves however kiwi ends. */
export function createKiwi({ run, program = "kiwi-ng", machine, signingKeys }: KiwiConfig) {
  const runKiwi: RunCommand = async (command) => {
    try {
      return await run(command);
    } catch (error) {
      if (!isDomainError(error, "not-found")) throw error;
      throw new DomainError("not-found", `${program} is missing.`, { cause: error });
    }
  };

  const prepare = async (
    order: PrepareOrder,
  ): Promise<{ readonly exitCode: number; readonly lines: readonly string[] }> => {
    const kept: string[] = [];
    let message = "kiwi starts";
    const take = (line: string): void => {
      const told = readKiwiLine(line);
      if (told.text !== undefined) {
        kept.push(told.text);
        if (kept.length > KEPT_LINES) kept.shift();
        order.onLine(told.text);
      }
      message = told.message ?? message;
      if (told.message !== undefined || told.percent !== undefined) order.onProgress(message, told.percent);
    };
    try {
      await mkdir(join(order.scratchFolder, "tmp"), { recursive: true });
      await mkdir(join(order.imageRoot, ".."), { recursive: true });
    } catch (error) {
      throw fileError(error, "preparing the build's folders");
    }
    const { exitCode } = await runKiwi({
      file: program,
      args: argumentsOf(order, await keysIn(signingKeys)),
      cwd: order.scratchFolder,
      env: ENVIRONMENT,
      onLine: take,
      quiet: true,
      signal: order.signal,
    });
    return { exitCode, lines: kept };
  };

  const version = async (signal: AbortSignal): Promise<string> => {
    const { exitCode, tail } = await runKiwi({
      file: program,
      args: ["--version"],
      env: ENVIRONMENT,
      quiet: true,
      signal,
    });
    const found = tail.map((line) => /version (\d\S*)/u.exec(line)?.[1]).find((one) => one !== undefined);
    if (exitCode === 0 && found !== undefined) return found;
    throw new DomainError("unavailable", `${program} --version ended with exit code ${exitCode}.`);
  };

  return { machineArch: ARCHES[machine], locate: locateRecipe, describe, version, prepare };
}
