import type { CliContext } from "../../functions/cli/command.ts";
import { runCli } from "../../functions/cli/cli.ts";
import type { CliCommand } from "../../functions/cli/command.ts";

const never = () => Promise.reject(new Error("not part of this"));

/** Runs one of the commands with these words, in a context that has nothing but what is given. Errors begin with `!`. */
export async function runInTest(
  commands: readonly CliCommand[],
  words: readonly string[],
  rest: Partial<CliContext> = {},
): Promise<{ exitCode: number; said: string[] }> {
  const said: string[] = [];
  const context: CliContext = {
    terminal: {
      live: false,
      columns: () => 80,
      line: (text) => said.push(text),
      status: () => undefined,
      error: (text) => said.push(`! ${text}`),
    },
    run: never,
    home: "/",
    openTokens: never,
    audit: never,
    doctor: () => {
      throw new Error("not part of this");
    },
    backups: { export: never, import: never },
    migrate: never,
    signal: new AbortController().signal,
    demo: {
      connect: () => {
        throw new Error("not part of this");
      },
      leftovers: never,
      environment: {},
      arch: "x64",
      node: "node",
    },
    ...rest,
  };
  return { exitCode: await runCli(commands, context, words), said };
}
