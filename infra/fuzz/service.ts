import process from "node:process";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunCommand } from "../../core/ports/commands.ts";

export const ROOT = path.join(import.meta.dirname, "../..");
const START_LIMIT_MS = 60_000;

/** A service as a process, with tokens and no job that starts, for as long as `use` takes. */
export async function withService<T>(
  run: RunCommand,
  data: string,
  use: (url: string, token: string) => Promise<T>,
): Promise<T> {
  const env = { IMS_DATA: data, IMS_PORT: "0", IMS_AUTH: "token", IMS_MAX_JOBS: "0", IMS_LOG_LEVEL: "error" };
  const ims = (...args: string[]) => ({ file: process.execPath, args, cwd: ROOT, env, quiet: true });
  const { tail } = await run(ims("functions/cli/main.ts", "token", "create", "--role", "admin"));
  const ended = new AbortController();
  const lines: string[] = [];
  const service = run({
    ...ims("functions/runtime/node.ts"),
    signal: ended.signal,
    onLine: (line) => void lines.push(line),
  });
  service.catch(() => undefined);
  try {
    // Beside the token there is the audit line of its making.
    const token = tail.find((line) => line.startsWith("ims.")) ?? "";
    return await use(await listening(lines, service), token);
  } finally {
    ended.abort();
    await service.catch(() => undefined);
    for (const line of lines.filter((text) => text.includes('"level":"error"')))
      process.stdout.write(`${line}\n`);
  }
}

/** The address that the service says it has. */
async function listening(lines: readonly string[], service: Promise<unknown>): Promise<string> {
  const ended = service.then(
    () => true,
    () => true,
  );
  for (const until = performance.now() + START_LIMIT_MS; performance.now() < until;) {
    const url = lines
      .map((line) => /^IMS listens on (\S+)$/u.exec(line)?.[1])
      .find((found) => found !== undefined);
    if (url !== undefined) return url;
    if (await Promise.race([ended, sleep(50, false)])) break;
  }
  throw new Error(`The service did not start:\n${lines.join("\n")}`);
}
