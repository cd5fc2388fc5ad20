// Installs LocalStack and DynamoDB Local without Docker: node infra/localstack/install.ts FOLDER
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { wholeEnvironment } from "./environment.ts";

const HERE = import.meta.dirname;
const PYTHON = "/usr/bin/python3";
const LIMIT_MS = 15 * 60_000;
const run = createRunCommand({ env: wholeEnvironment() });

async function succeed(file: string, ...args: readonly string[]): Promise<readonly string[]> {
  const lines: string[] = [];
  const onLine = (line: string) => void lines.push(line);
  const { exitCode, tail } = await run({ file, args, onLine, signal: AbortSignal.timeout(LIMIT_MS) });
  if (exitCode !== 0) throw new Error(`${path.basename(file)} failed:\n${tail.join("\n")}`);
  return lines;
}

/** Makes a folder, unless it was made of the same already; what was cut short is made again. */
async function once(folder: string, made: string, make: () => Promise<void>): Promise<void> {
  const stamp = path.join(folder, "made-of");
  if ((await readFile(stamp, "utf8").catch(() => undefined)) === made) return;
  await rm(folder, { recursive: true, force: true });
  await make();
  await writeFile(stamp, made);
}

const digest = (text: string) => createHash("sha256").update(text).digest("hex");

async function installLocalstack(folder: string): Promise<void> {
  const requirements = path.join(HERE, "requirements.txt");
  const [version] = await succeed(PYTHON, "--version");
  await once(folder, digest(`${version}${await readFile(requirements, "utf8")}`), async () => {
    await succeed(PYTHON, "-m", "venv", folder);
    const pip = path.join(folder, "bin/pip");
    // tailer is there as its source only
    const binaries = ["--only-binary", ":all:", "--no-binary", "tailer"];
    await succeed(pip, "install", "--quiet", "--require-hashes", ...binaries, "-r", requirements);
  });
}

/** Laid out as LocalStack's own installer would, which looks for nothing then. */
async function installDynamodb(folder: string): Promise<void> {
  const pom = path.join(HERE, "pom.xml");
  await once(folder, digest(await readFile(pom, "utf8")), async () => {
    const jars = path.join(folder, "DynamoDBLocal_lib");
    await mkdir(jars, { recursive: true });
    const options = ["--quiet", "--batch-mode", "--strict-checksums", "--file", pom];
    const copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${jars}`];
    await succeed("mvn", ...options, ...copy);
    const names = (await readdir(jars)).filter((name) => name.endsWith(".jar"));
    const agent = names.find((name) => name.startsWith("byte-buddy-agent-"));
    if (agent === undefined) throw new Error("Maven brought no byte-buddy-agent.");
    await rename(path.join(jars, agent), path.join(folder, "ddb-local-loader-0.1.jar"));
    await writeStarter(folder, names.filter((name) => name !== agent).toSorted());
  });
}

/** The jar that LocalStack starts: nothing but the names of the others. */
async function writeStarter(folder: string, jars: readonly string[]): Promise<void> {
  const manifest = path.join(folder, "META-INF/MANIFEST.MF");
  await mkdir(path.dirname(manifest), { recursive: true });
  const lines = [
    "Manifest-Version: 1.0",
    "Main-Class: software.amazon.dynamodb.services.local.main.ServerRunner",
    `Class-Path: ${jars.map((name) => `DynamoDBLocal_lib/${name}`).join(" ")}`,
  ];
  await writeFile(manifest, `${lines.map((line) => folded(line)).join("\r\n")}\r\n\r\n`);
  const jar = path.join(folder, "DynamoDBLocal.jar");
  await succeed(PYTHON, "-m", "zipfile", "-c", jar, path.dirname(manifest));
}

/** A line of a jar's manifest has 72 bytes with its end; the rest goes on after a blank. */
function folded(line: string): string {
  const [first = "", ...rest] = line.match(/^.{70}|.{1,69}/gu) ?? [];
  return [first, ...rest].join("\r\n ");
}

/** LocalStack would fetch a Java 21 of its own; the machine's will do, from 17 on. */
async function linkJava(link: string): Promise<void> {
  const settings = await succeed("java", "-XshowSettings:properties", "-version");
  const home = settings
    .map((line) => /^\s*java\.home = (.+)$/u.exec(line)?.[1])
    .find((found) => found !== undefined);
  if (home === undefined) throw new Error("java does not say where its home is.");
  if ((await realpath(link).catch(() => undefined)) === (await realpath(home))) return;
  await mkdir(path.dirname(link), { recursive: true });
  await rm(link, { force: true });
  await symlink(home, link);
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: install.ts FOLDER");
await mkdir(folder, { recursive: true });
await installLocalstack(path.join(folder, "python"));
await installDynamodb(path.join(folder, "lib/dynamodb-local/2"));
await linkJava(path.join(folder, "lib/java/21"));
