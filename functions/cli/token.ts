import { parseArgs } from "node:util";
import type { TokenRole } from "../../core/auth/token.ts";
import type { Tokens } from "../../core/auth/tokens.ts";
import { type CliCommand, type CliContext, readArguments, UsageError } from "./command.ts";

const HELP = `usage: ims token create --role admin|reader [--name NAME]
       ims token list
       ims token revoke ID

Static tokens for a service with IMS_AUTH=token. It works on the store that the service uses: give it the same
environment (IMS_DATA and so on), also while the service runs.

  create  prints the token and nothing else; it is shown this once
  list    id, role, creation time and name of each token
  revoke  from then on the token opens nothing

What is made or revoked leaves an audit line on standard error.`;

export const tokenCommand: CliCommand = {
  name: "token",
  summary: "make, list and revoke the tokens that clients show",
  help: HELP,
  async run(context, words) {
    const [verb, ...rest] = words;
    const { tokens, close } = await context.openTokens();
    try {
      await carryOut(context, tokens, verb, rest);
      return 0;
    } finally {
      await close();
    }
  },
};

async function carryOut(
  { terminal }: CliContext,
  tokens: Tokens,
  verb: string | undefined,
  words: readonly string[],
): Promise<void> {
  if (verb === "create") {
    const { role, name } = readCreate(words);
    terminal.line(await tokens.create(name, role));
  } else if (verb === "list") {
    for (const { id, role, created, name } of await tokens.list())
      terminal.line(`${id}  ${role.padEnd(6)}  ${created}  ${name}`);
  } else if (verb === "revoke") {
    const [id] = words;
    if (id === undefined) throw new UsageError("Which token? ims token list shows their ids.");
    await tokens.revoke(id);
  } else
    throw new UsageError(`There is no token ${verb ?? "command without a verb"}: create, list or revoke.`);
}

function readCreate(words: readonly string[]): { role: TokenRole; name: string } {
  const options = { role: { type: "string" }, name: { type: "string", default: "unnamed" } } as const;
  const { values } = readArguments(() => parseArgs({ args: [...words], options }));
  const { role, name } = values;
  if (role !== "admin" && role !== "reader")
    throw new UsageError("Say what the token may do: --role admin or --role reader.");
  return { role, name };
}
