import { type FileHandle, mkdir, open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { DomainError, isDomainError } from "../../core/errors.ts";
import { judgeOutput, type OutputEntry, type PackerTemplate } from "../../core/jobs/packer-template.ts";
import type { PackerOrder, PackerTool, ToolEnd } from "../../core/ports/agent-tools.ts";
import type { Command, CommandResult, RunCommand } from "../../core/ports/commands.ts";
import { fileError } from "../archive/fs-errors.ts";
import { fileInside } from "../archive/inside.ts";
import { filesIn, onlyFolder } from "./locate.ts";

/** Enough for packer's own words about a failure and what the failing script said before. */
const KEPT_LINES = 200;
/** packer and its plugins talk through sockets in the temporary folder, whose paths the kernel limits to 107 bytes. */
const LONGEST_TEMPORARY = 80;
/** What packer says of itself; a build's output is indented. */
const STAGE = /^==> (\S.*)$/u;

export interface PackerConfig {
  readonly run: RunCommand;
  /** `packer` of the PATH by default. */
  readonly program?: string;
  /** Folder of plugins that are installed already; by default each build fetches its own. */
  readonly plugins?: string;
}

interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  readonly release: () => Promise<void>;
}

async function folderBelow(scratchFolder: string, name: string): Promise<string> {
  const folder = join(scratchFolder, name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** A short name for a folder whose own is too long: it leads through the open file of this process and needs no clean-up. */
async function shortened(folder: string): Promise<{ readonly path: string; readonly handle?: FileHandle }> {
  if (Buffer.byteLength(folder) <= LONGEST_TEMPORARY) return { path: folder };
  const handle = await open(folder, "r");
  return { path: `/proc/${process.pid}/fd/${handle.fd}`, handle };
}

/** Everything that packer keeps between runs or shares with others, in folders of this build. */
async function surround(scratchFolder: string, plugins: string | undefined): Promise<Surroundings> {
  try {
    const temporary = await shortened(await folderBelow(scratchFolder, "tmp"));
    const config = await folderBelow(scratchFolder, "config");
    return {
      env: {
        CHECKPOINT_DISABLE: "1",
        PACKER_NO_COLOR: "1",
        HOME: await folderBelow(scratchFolder, "home"),
        TMPDIR: temporary.path,
        PACKER_CACHE_DIR: await folderBelow(scratchFolder, "cache"),
        PACKER_CONFIG_DIR: config,
        PACKER_PLUGIN_PATH: plugins ?? (await folderBelow(config, "plugins")),
      },
      release: async () => temporary.handle?.close(),
    };
  } catch (error) {
    throw fileError(error, "preparing the build's folders");
  }
}

const LegacyTemplate = v.object({ variables: v.optional(v.record(v.string(), v.unknown()), {}) });

/** The variables that a JSON template declares: packer takes others as well, but they are not for it. */
function declaredIn(json: string): readonly string[] {
  let tree: unknown;
  try {
    tree = JSON.parse(json);
  } catch {
    // packer tells what is wrong with it
    return [];
  }
  const parsed = v.safeParse(LegacyTemplate, tree);
  return parsed.success ? Object.keys(parsed.output.variables) : [];
}

async function textOf(folder: string, name: string): Promise<string> {
  const path = await fileInside(folder, name);
  if (path === undefined) throw new DomainError("invalid", `The recipe's ${name} is gone.`);
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw fileError(error, "reading the recipe's template");
  }
}

interface Given {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** HCL takes values from the environment, and only those of declared variables; JSON takes a file of them. */
async function given({ template, recipeFolder, scratchFolder, variables }: PackerOrder): Promise<Given> {
  if (template.kind === "hcl") {
    const env = Object.entries(variables).map(([name, value]) => [`PKR_VAR_${name}`, value]);
    return { args: ["."], env: Object.fromEntries(env) };
  }
  const [name] = template.files;
  const declared = declaredIn(await textOf(recipeFolder, name));
  const values = Object.entries(variables).filter(([variable]) => declared.includes(variable));
  const file = join(scratchFolder, "variables.json");
  try {
    // not as arguments, which everybody on the machine can read
    await writeFile(file, JSON.stringify(Object.fromEntries(values)), { mode: 0o600 });
  } catch (error) {
    throw fileError(error, "writing the template's variables");
  }
  return { args: [`-var-file=${file}`, name], env: {} };
}

/** A comment may mention plugins; a block begins a line. */
const REQUIRED_PLUGINS = /^\s*required_plugins\s*\{|"required_plugins"\s*:/mu;

async function wantsPlugins(folder: string, template: PackerTemplate): Promise<boolean> {
  if (template.kind === "json") return false;
  for (const name of template.files) if (REQUIRED_PLUGINS.test(await textOf(folder, name))) return true;
  return false;
}

async function look(unpackedFolder: string) {
  const files = await filesIn(unpackedFolder);
  const only = files.length > 0 ? undefined : await onlyFolder(unpackedFolder);
  return only === undefined
    ? { folder: unpackedFolder, files }
    : { folder: only, files: await filesIn(only) };
}

async function output(folder: string) {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const kindOf = (entry: (typeof entries)[number]): OutputEntry["kind"] => {
      if (entry.isDirectory()) return "folder";
      return entry.isFile() ? "file" : "other";
    };
    return judgeOutput(entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) })));
  } catch (error) {
    throw fileError(error, "looking for what the build left");
  }
}

async function makeOutput(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw fileError(error, "preparing the build's folders");
  }
}

type Packer = (command: Omit<Command, "file" | "quiet">) => Promise<CommandResult>;

async function carryOut(
  packer: Packer,
  plugins: string | undefined,
  order: PackerOrder,
  words: readonly string[],
  giving: (order: PackerOrder) => Promise<Given>,
): Promise<ToolEnd> {
  const lines: string[] = [];
  const take = (line: string): void => {
    if (lines.push(line) > KEPT_LINES) lines.shift();
    if (line.trim() !== "") order.onLine(line);
    const stage = STAGE.exec(line)?.[1];
    if (stage !== undefined) order.onProgress(stage);
  };
  const { env, release } = await surround(order.scratchFolder, plugins);
  try {
    const more = await giving(order);
    const { exitCode } = await packer({
      args: [...words, ...more.args],
      cwd: order.recipeFolder,
      env: { ...order.env, ...more.env, ...env },
      onLine: take,
      signal: order.signal,
    });
    return { exitCode, lines };
  } finally {
    await release();
  }
}

/** packer 1.6 and later. `build` and `init` resolve however packer ends. */
export function createPacker({ run, program = "packer", plugins }: PackerConfig): PackerTool {
  const packer: Packer = async (command) => {
    try {
      return await run({ ...command, file: program, quiet: true });
    } catch (error) {
      if (!isDomainError(error, "not-found")) throw error;
      throw new DomainError("not-found", `${program} is missing.`, { cause: error });
    }
  };

  /** Newer ones do not even tell their version without a home. */
  const version = async (scratchFolder: string, signal: AbortSignal): Promise<string> => {
    const { env, release } = await surround(scratchFolder, plugins);
    try {
      const { exitCode, tail } = await packer({ args: ["version"], env, signal });
      const found = tail.map((line) => /^Packer v(\d\S*)/u.exec(line)?.[1]).find((one) => one !== undefined);
      if (exitCode === 0 && found !== undefined) return found;
      const words = (tail.at(-1) ?? "").slice(0, 300);
      throw new DomainError("unavailable", `${program} version ended with exit code ${exitCode}: ${words}`);
    } finally {
      await release();
    }
  };

  return {
    look,
    version,
    mustFetchPlugins: async (folder, template) =>
      plugins === undefined && (await wantsPlugins(folder, template)),
    init: (order) => carryOut(packer, plugins, order, ["init"], async () => ({ args: ["."], env: {} })),
    build: (order) => carryOut(packer, plugins, order, ["build", "-color=false"], given),
    makeOutput,
    output,
  };
}
