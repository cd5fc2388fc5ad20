import { UsageError } from "./command.ts";
import type { CliCommand, CliContext } from "./command.ts";

const INTERRUPTED = 130;
const MISUSED = 2;

function overview(commands: readonly CliCommand[]): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  const list = commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`);
  return ["usage: ims <command> [options]", "", ...list, "", "ims <command> --help tells more."].join("\n");
}

function wantsHelp(words: readonly string[]): boolean {
  return words.includes("--help") || words.includes("-h");
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function runCommand(
  command: CliCommand,
  context: CliContext,
  words: readonly string[],
): Promise<number> {
  try {
    return await command.run(context, words);
  } catch (error) {
    if (context.signal.aborted) return INTERRUPTED;
    context.terminal.error(`error: ${describe(error)}`);
    if (!(error instanceof UsageError)) return 1;
    context.terminal.error(`ims ${command.name} --help tells more.`);
    return MISUSED;
  }
}

/** Runs the command that the words name and answers the exit code: 0 done, 1 failed, 2 misused, 130 interrupted. */
export async function runCli(
  commands: readonly CliCommand[],
  context: CliContext,
  words: readonly string[],
): Promise<number> {
  const [name, ...rest] = words;
  const command = commands.find((one) => one.name === name);
  if (command === undefined) {
    const helpAsked = name === "help" || wantsHelp(words);
    if (helpAsked) context.terminal.line(overview(commands));
    else context.terminal.error(overview(commands));
    return helpAsked ? 0 : MISUSED;
  }
  if (wantsHelp(rest)) {
    context.terminal.line(command.help);
    return 0;
  }
  return runCommand(command, context, rest);
}
