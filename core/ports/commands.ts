/** One program to run: always an argument list, never a line for a shell. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Added to the small fixed environment of children; nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which is then closed; without it standard input is empty. */
  readonly input?: string;
  /**
   * Called with every line of standard output and standard error, as it comes and without its end. A carriage return
   * ends a line too (progress bars); such lines are neither logged nor kept in `tail`.
   */
  readonly onLine?: (line: string) => void;
  /** Keeps the lines of this command out of the log of the job; `onLine` and `tail` still get them. */
  readonly quiet?: boolean;
  /** Aborting it ends the program with its process group: SIGTERM, then SIGKILL. */
  readonly signal?: AbortSignal;
}

export interface CommandResult {
  /** 128 + n when signal n ended it, as a shell would say. */
  readonly exitCode: number;
  /** Name of the signal that ended it, such as `SIGKILL`. */
  readonly signal?: string;
  /** The last lines it printed, oldest first; at most 50. */
  readonly tail: readonly string[];
}

/**
 * Runs a program to its end. A program that fails is an answer (`exitCode`), not an error. When the program has ended,
 * whatever it left running in its process group is ended too.
 * @throws DomainError `not-found` when there is no such program, `unavailable` when it cannot be started; the signal's
 * reason when aborted.
 */
export type RunCommand = (command: Command) => Promise<CommandResult>;
