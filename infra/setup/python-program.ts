import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { RunCommand } from "../../core/ports/commands.ts";

const INSTALL_LIMIT_MS = 10 * 60_000;

/**
 * A program from PyPI in a Python environment of its own below `cache`, made anew when its requirements, which have all
 * versions and digests, change. Answers its file.
 */
export async function installPythonProgram(
  run: RunCommand,
  cache: string,
  requirements: string,
  name: string,
): Promise<string> {
  const digest = createHash("sha256")
    .update(await readFile(requirements))
    .digest("hex");
  const folder = path.join(cache, digest.slice(0, 16));
  const done = path.join(folder, "installed");
  const program = path.join(folder, "bin", name);
  if ((await readFile(done).catch(() => undefined)) !== undefined) return program;
  await rm(folder, { recursive: true, force: true });
  const signal = AbortSignal.timeout(INSTALL_LIMIT_MS);
  const steps = [
    { file: "/usr/bin/python3", args: ["-m", "venv", folder] },
    {
      file: path.join(folder, "bin/pip"),
      args: ["install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", requirements],
    },
  ];
  for (const step of steps) {
    const { exitCode, tail } = await run({ ...step, signal });
    if (exitCode !== 0) throw new Error(`${path.basename(step.file)} failed:\n${tail.join("\n")}`);
  }
  await writeFile(done, "");
  return program;
}
