import { isDomainError } from "../../../core/errors.ts";
import type { RunCommand } from "../../../core/ports/commands.ts";

const LIMIT_MILLISECONDS = 10_000;

/**
 * Mounts, processes and shared memory of their own: they end with the agent, whatever it leaves behind. Killing
 * `unshare` kills the agent, and with it, as it is the first of its process namespace, all the rest.
 */
const UNSHARE = [
  "--mount",
  "--pid",
  "--ipc",
  "--fork",
  "--kill-child=KILL",
  "--propagation",
  "private",
  "--mount-proc",
  "--",
];

/** A program and its arguments. */
export type Argv = readonly [file: string, ...args: string[]];

/** Finds out once whether this machine gives namespaces, and answers how a command is to be started on it. */
export function createIsolation(run: RunCommand): (command: Argv) => Promise<Argv> {
  let able: Promise<boolean> | undefined;
  return async (command) => {
    able ??= canUnshare(run);
    return (await able) ? ["unshare", ...UNSHARE, ...command] : command;
  };
}

async function canUnshare(run: RunCommand): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(LIMIT_MILLISECONDS);
    const { exitCode } = await run({ file: "unshare", args: [...UNSHARE, "true"], signal, quiet: true });
    return exitCode === 0;
  } catch (error) {
    if (isDomainError(error)) return false;
    throw error;
  }
}
