import { spawn } from "node:child_process";
import type { ChildProcess, ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { DomainError } from "../../core/errors.ts";
import type { Command, CommandResult, RunCommand } from "../../core/ports/commands.ts";
import { codeOf } from "./errors.ts";
import { createLineSplitter } from "./lines.ts";

const TAIL_LINES = 50;
/** How long a daemon that left the process group but kept the pipe may still print. */
const DRAIN_MILLISECONDS = 1000;
/** A process in an uninterruptible wait does not even obey SIGKILL; nobody waits for it longer than this. */
const UNKILLABLE_MILLISECONDS = 5000;

export interface RunCommandConfig {
  /** The whole environment of children, next to what a command adds. */
  readonly env: Readonly<Record<string, string>>;
  /** Gets each line of every command that is not quiet. */
  readonly onLine?: (line: string) => void;
  /** When memory runs out, the kernel is to kill these programs rather than the one that started them. */
  readonly expendable?: boolean;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly grace?: number;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Sends a signal to a whole process group; one that is gone is fine. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (codeOf(error) !== "ESRCH") throw error;
  }
}

async function startError(file: string, cwd: string | undefined, error: unknown): Promise<DomainError> {
  if (codeOf(error) !== "ENOENT") {
    return new DomainError(
      "unavailable",
      `${file} cannot be started (${codeOf(error) ?? "unknown reason"}).`,
      {
        cause: error,
      },
    );
  }
  // ENOENT is also what a missing working folder gives.
  const folder = cwd === undefined || (await stat(cwd).catch(() => undefined))?.isDirectory() === true;
  return folder
    ? new DomainError("not-found", `There is no program ${file} on this machine.`, { cause: error })
    : new DomainError("unavailable", `The folder in which ${file} should run is gone.`, { cause: error });
}

/** A process group of its own, so that a program is ended with everything it started. libuv resets all signals. */
async function start(command: Command, env: Readonly<Record<string, string>>): Promise<Child> {
  try {
    const child = spawn(command.file, command.args, {
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      env: { ...env, ...command.env },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
      shell: false,
    });
    await once(child, "spawn");
    return child;
  } catch (error) {
    throw await startError(command.file, command.cwd, error);
  }
}

/** Half of what may be used at all, on top of what it uses: far more than the process that started it. */
const EXPENDABLE_SCORE = "500";

/** Its own children inherit it. That it cannot be done, or is too late, is no reason not to run. */
function offerToKernel(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, EXPENDABLE_SCORE);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
  }
}

function resultOf(child: ChildProcess, tail: readonly string[]): CommandResult {
  const signal = child.signalCode;
  if (signal === null) return { exitCode: child.exitCode ?? 0, tail };
  return { exitCode: 128 + constants.signals[signal], signal, tail };
}

interface Output {
  readonly tail: readonly string[];
  /** Hands on the last lines that had no end. */
  finish(): void;
}

/** Gives lines to the command and the log; what a listener throws ends the program through `onError`. */
function listen(
  child: Child,
  command: Command,
  log: (line: string) => void,
  onError: (error: unknown) => void,
): Output {
  const tail: string[] = [];
  const take = (line: string, passing: boolean): void => {
    try {
      command.onLine?.(line);
      if (passing) return;
      if (tail.push(line) > TAIL_LINES) tail.shift();
      if (command.quiet !== true) log(line);
    } catch (error) {
      onError(error);
    }
  };
  const splitters = [child.stdout, child.stderr].map((stream) => {
    const splitter = createLineSplitter(take);
    stream.on("data", (bytes: Uint8Array) => splitter.write(bytes));
    stream.on("error", onError);
    return splitter;
  });
  return {
    tail,
    finish: () => {
      for (const splitter of splitters) splitter.end();
    },
  };
}

/** A program that does not read its input is no error of ours. */
function feed(child: Child, input: string | undefined): void {
  child.stdin.on("error", () => undefined);
  child.stdin.end(input ?? "");
}

async function closed(child: Child, everything: Promise<unknown>): Promise<void> {
  const enough = new AbortController();
  const late = delay(DRAIN_MILLISECONDS, undefined, { signal: enough.signal }).catch(() => undefined);
  await Promise.race([everything, late]);
  enough.abort();
  child.stdin.destroy();
  child.stdout.destroy();
  child.stderr.destroy();
  await everything;
}

/** Resolves when the program has ended; rejects with the reason once it was ended because of `signal`. */
async function ended(child: Child, signal: AbortSignal, grace: number): Promise<void> {
  const exit = once(child, "exit");
  const timers: NodeJS.Timeout[] = [];
  const { promise: stuck, reject } = Promise.withResolvers<never>();
  const end = (): void => {
    signalGroup(child, "SIGTERM");
    timers.push(setTimeout(() => signalGroup(child, "SIGKILL"), grace));
    timers.push(setTimeout(() => reject(signal.reason), grace + UNKILLABLE_MILLISECONDS));
  };
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  try {
    await Promise.race([exit, stuck]);
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal.removeEventListener("abort", end);
    signalGroup(child, "SIGKILL");
  }
}

/** Runs programs with argument lists, a fixed environment and a process group each. */
export function createRunCommand(config: RunCommandConfig): RunCommand {
  return async (command) => {
    command.signal?.throwIfAborted();
    const child = await start(command, config.env);
    if (config.expendable === true && child.pid !== undefined) offerToKernel(child.pid);
    const close = once(child, "close");
    const broken = new AbortController();
    const signal =
      command.signal === undefined ? broken.signal : AbortSignal.any([command.signal, broken.signal]);
    const output = listen(child, command, config.onLine ?? (() => undefined), (error) => broken.abort(error));
    feed(child, command.input);
    await ended(child, signal, config.grace ?? 5000);
    await closed(child, close);
    output.finish();
    signal.throwIfAborted();
    return resultOf(child, output.tail);
  };
}

export interface DetachedCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Open file that takes both outputs; the caller closes it. */
  readonly output: number;
}

export interface DetachedProcess {
  readonly pid: number;
  /** Writes the text to standard input and closes it. @throws `unavailable` when the program does not take it. */
  give(text: string): Promise<void>;
  kill(): void;
  /** How it ended, in a few words; never resolves once the starting process is gone. */
  readonly ended: Promise<string>;
}

/**
 * Starts a program that outlives this process: own session, nothing inherited.
 * @throws DomainError `not-found` when there is no such program, `unavailable` when it cannot be started.
 */
export async function spawnDetached(command: DetachedCommand): Promise<DetachedProcess> {
  const child = await startDetached(command);
  const { stdin, pid } = child;
  if (pid === undefined || stdin === null) {
    throw new DomainError("unavailable", `${command.file} cannot be started.`);
  }
  const exit = once(child, "exit");
  child.unref();
  stdin.on("error", () => undefined);
  return {
    pid,
    give: (text) => give(stdin, text),
    kill: () => signalGroup(child, "SIGKILL"),
    ended: exit.then(() =>
      child.signalCode === null ? `exit code ${child.exitCode ?? 0}` : `killed by ${child.signalCode}`,
    ),
  };
}

async function startDetached(command: DetachedCommand): Promise<ChildProcess> {
  try {
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: command.env,
      stdio: ["pipe", command.output, command.output],
      detached: true,
      shell: false,
    });
    await once(child, "spawn");
    return child;
  } catch (error) {
    throw await startError(command.file, command.cwd, error);
  }
}

async function give(stdin: Writable, text: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      stdin.once("error", reject);
      stdin.end(text, () => resolve());
    });
  } catch (error) {
    throw new DomainError("unavailable", "The program ended before it was told what to do.", {
      cause: error,
    });
  }
}
