import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { createAptProgress } from "./apt-progress.ts";
import { decideSetup } from "./decide.ts";
import { withQuietSshd } from "./quiet-sshd.ts";
import { nameOf, PURPOSES, toolsFor } from "./tools.ts";
import type { Purpose, Tool } from "./tools.ts";

const USAGE = `usage: build-tools.ts [${PURPOSES.join("|")}]...

Makes sure that the programs for building images of kiwi-ng recipes (default) or of packer recipes, for booting and for
testing images are on this machine. On Debian and Ubuntu it installs what is missing, as root; elsewhere it says what to install.`;

const PYTHON = "/usr/bin/python3";
const CHECK_LIMIT_MS = 30_000;
const APT_LIMIT_MS = 20 * 60_000;
const SHOW_EVERY_MS = 3000;
/** Another apt may be at work, on a new machine above all: wait for it. */
const APT_OPTIONS = ["-q", "-y", "-o", "DPkg::Lock::Timeout=600", "-o", "Dpkg::Use-Pty=0"];

const environment = plainEnvironment(process.env);
const run = createRunCommand({ env: environment });

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function isThere({ need }: Tool): Promise<boolean> {
  if ("program" in need) {
    const folders = (environment["PATH"] ?? "").split(":");
    const found = await Promise.all(folders.map((folder) => isExecutable(join(folder, need.program))));
    return found.includes(true);
  }
  if (!(await isExecutable(PYTHON))) return false;
  if ("file" in need) return isExecutable(need.file);
  const args = ["-I", "-c", `import ${need.pythonModule}`];
  const result = await run({ file: PYTHON, args, signal: AbortSignal.timeout(CHECK_LIMIT_MS) });
  return result.exitCode === 0;
}

async function findMissing(tools: readonly Tool[]): Promise<readonly Tool[]> {
  const there = await Promise.all(tools.map((tool) => isThere(tool)));
  return tools.filter((_, index) => there[index] === false);
}

async function aptGet(args: readonly string[]): Promise<void> {
  const progress = createAptProgress();
  let shown = 0;
  const result = await run({
    file: "apt-get",
    args: [...APT_OPTIONS, ...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    signal: AbortSignal.timeout(APT_LIMIT_MS),
    onLine: (line) => {
      const text = progress.read(line);
      if (text === undefined || performance.now() - shown < SHOW_EVERY_MS) return;
      shown = performance.now();
      say(`  ${text}`);
    },
  });
  if (result.exitCode === 0) return;
  throw new Error(
    `apt-get ${args[0]} failed with exit code ${result.exitCode}:\n${result.tail.slice(-15).join("\n")}`,
  );
}

async function install(tools: readonly Tool[], packages: readonly string[]): Promise<void> {
  say(`Installing the Debian packages ${packages.join(", ")} and what they need.`);
  const started = performance.now();
  await aptGet(["update"]);
  const installing = () => aptGet(["install", "--no-install-recommends", ...packages]);
  if (packages.includes("openssh-server")) for (const line of await withQuietSshd(installing)) say(line);
  else await installing();
  const still = await findMissing(tools);
  if (still.length > 0)
    throw new Error(
      `apt-get was content, yet still missing: ${still.map((tool) => nameOf(tool)).join(", ")}`,
    );
  say(`Installed in ${((performance.now() - started) / 1000).toFixed(0)} s.`);
}

async function setUp(purposes: readonly Purpose[]): Promise<number> {
  const tools = toolsFor(purposes, process.arch);
  const decision = decideSetup(await findMissing(tools), {
    osRelease: await readFile("/etc/os-release", "utf8").catch(() => ""),
    isRoot: process.getuid?.() === 0,
    needsRoot: purposes.includes("build"),
  });
  if (decision.do === "stop") {
    process.stderr.write(`error: ${decision.text}\n`);
    return 1;
  }
  if (decision.do === "install") await install(tools, decision.packages);
  return 0;
}

function readPurposes(words: readonly string[]): readonly Purpose[] | undefined {
  const known = PURPOSES.filter((purpose) => words.includes(purpose));
  if (words.length === 0) return ["build"];
  return words.every((word) => known.some((purpose) => purpose === word)) ? known : undefined;
}

async function main(words: readonly string[]): Promise<number> {
  const purposes = readPurposes(words);
  if (purposes !== undefined) return setUp(purposes);
  const help = words.includes("--help");
  (help ? process.stdout : process.stderr).write(`${USAGE}\n`);
  return help ? 0 : 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
