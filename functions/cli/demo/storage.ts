import { join } from "node:path";
import type { CliContext } from "../command.ts";
import { type Child, startChild } from "./child.ts";

/** The first time it is installed. */
const START_LIMIT_MS = 30 * 60_000;
const SETTING = /^export (\w+)=(\S+)$/u;
/** What it says last. */
const READY = "npm start";

/** Starts LocalStack on a free port; `ready` is the environment of a service that stores there. */
export async function startLocalstack(
  context: Pick<CliContext, "run" | "demo" | "home" | "terminal" | "signal">,
): Promise<Child<Readonly<Record<string, string>>>> {
  const { run, demo, home, terminal, signal } = context;
  const env: Record<string, string> = {};
  return await startChild({
    name: "LocalStack",
    run,
    node: demo.node,
    args: [join(home, "infra/localstack/main.ts"), "--port", "0"],
    cwd: home,
    env: demo.environment,
    limitMs: START_LIMIT_MS,
    onLine: (line) => {
      const [, name, value] = SETTING.exec(line) ?? [];
      if (name !== undefined && value !== undefined) env[name] = value;
      else if (line !== "" && line !== READY) terminal.line(line);
    },
    ready: (line) => (line === READY ? env : undefined),
    signal,
  });
}
