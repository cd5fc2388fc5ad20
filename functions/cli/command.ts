import type { Drift } from "../../core/artifacts/audit.ts";
import type { Tokens } from "../../core/auth/tokens.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import type { Backups } from "../compose/backup.ts";
import type { Migrate } from "../compose/migrate.ts";
import type { DoctorOptions, Finding } from "../compose/doctor.ts";
import type { DemoParts } from "./demo/parts.ts";
import type { Terminal } from "./terminal.ts";

/** What the commands of the CLI are given; `main.ts` alone knows where it comes from. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly run: RunCommand;
  readonly demo: DemoParts;
  /** The tokens of the store that the environment describes; to be closed. */
  readonly openTokens: () => Promise<{ tokens: Tokens; close: () => Promise<void> }>;
  /** Where records and objects of the store that the environment describes do not agree. */
  readonly audit: () => Promise<Drift>;
  /** What the surroundings of the service that the environment describes have and lack. */
  readonly doctor: (options: DoctorOptions) => AsyncIterable<Finding>;
  /** Backups of the store that the environment describes. */
  readonly backups: Backups;
  /** Moves installations into that store. */
  readonly migrate: Migrate;
  /** The project's own folder. */
  readonly home: string;
  /** Aborted when the user wants to stop. */
  readonly signal: AbortSignal;
}

export interface CliCommand {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` prints. */
  readonly help: string;
  /** Answers the exit code. @throws {@link UsageError} for arguments that make no sense. */
  run(context: CliContext, words: readonly string[]): Promise<number>;
}

/** The user's arguments cannot be understood; exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What `read` makes of the user's arguments. @throws {@link UsageError} for whatever it cannot read */
export function readArguments<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
