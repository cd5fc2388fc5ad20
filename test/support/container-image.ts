import { readFile } from "node:fs/promises";
import path from "node:path";
import * as v from "valibot";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { wholeEnvironment } from "../../infra/localstack/environment.ts";

const root = path.join(import.meta.dirname, "../..");
const LIMIT_MS = 20 * 60_000;
const Facts = v.object({ reference: v.string(), digest: v.string(), bytes: v.number() });

/** Where images are kept that tests make, apart from those of this machine. */
export const storage = path.join(root, "dist/containers/storage");

const made = new Map<string, ReturnType<typeof makeImage>>();

/** A container image of the project as it is now; made when it is not there, which takes minutes. As root. */
export async function containerImage(name: "agent" | "service") {
  const making = made.get(name) ?? makeImage(name);
  made.set(name, making);
  return await making;
}

async function makeImage(name: "agent" | "service") {
  const lines: string[] = [];
  const { exitCode, tail } = await createRunCommand({ env: wholeEnvironment() })({
    file: process.execPath,
    args: [path.join(root, "infra/containers/build.ts"), name, "--if-changed", "--storage", storage],
    onLine: (line) => lines.push(line),
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  if (exitCode !== 0) throw new Error(`The image of the ${name} cannot be built:\n${tail.join("\n")}`);
  const folder = path.join(root, "dist/containers");
  const facts = v.parse(Facts, JSON.parse(await readFile(path.join(folder, `${name}.json`), "utf8")));
  return { ...facts, archive: path.join(folder, `${name}.tar`) };
}
