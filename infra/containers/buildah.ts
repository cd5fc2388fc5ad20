import path from "node:path";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { wholeEnvironment } from "../localstack/environment.ts";

const LIMIT_MS = 30 * 60_000;
const run = createRunCommand({ env: wholeEnvironment() });

/** Runs a program, whose lines are shown, and answers them. @throws with its last lines when it fails */
export async function succeed(file: string, ...args: readonly string[]): Promise<readonly string[]> {
  const lines: string[] = [];
  const onLine = (line: string): void => {
    lines.push(line);
    process.stderr.write(`  ${line}\n`);
  };
  const { exitCode, tail } = await run({ file, args, onLine, signal: AbortSignal.timeout(LIMIT_MS) });
  if (exitCode !== 0)
    throw new Error(`${path.basename(file)} failed with exit code ${exitCode}:\n${tail.join("\n")}`);
  return lines;
}

/** Runs buildah, and answers the last line that it prints. */
export type Buildah = (...args: readonly string[]) => Promise<string>;

/** `storage`: a folder for images that are not to be seen by others on this machine. */
export function createBuildah(storage: string | undefined): Buildah {
  const where =
    storage === undefined
      ? []
      : ["--root", path.join(storage, "root"), "--runroot", path.join(storage, "run")];
  return async (...args) => (await succeed("buildah", ...where, ...args)).at(-1) ?? "";
}

/** What the image's root file system is mounted at while `use` works on it. */
export async function withRootOf<T>(
  buildah: Buildah,
  image: string,
  use: (root: string) => Promise<T>,
): Promise<T> {
  const container = await buildah("from", "--quiet", "--pull-never", image);
  try {
    return await use(await buildah("mount", container));
  } finally {
    await buildah("rm", container);
  }
}
