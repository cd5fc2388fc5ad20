import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A shell script that stands in for a program; answers its path. */
export async function program(folder: string, name: string, script: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}
