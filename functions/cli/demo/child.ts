import { setTimeout as delay } from "node:timers/promises";
import type { RunCommand } from "../../../core/ports/commands.ts";

export interface ChildOrder<T> {
  /** For messages, such as `The service`. */
  readonly name: string;
  readonly run: RunCommand;
  readonly node: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** How long it may take to be ready. */
  readonly limitMs: number;
  readonly onLine: (line: string) => void;
  /** What a line says when it says that the program is ready. */
  readonly ready: (line: string) => T | undefined;
  readonly signal: AbortSignal;
}

export interface Child<T> {
  readonly ready: T;
  /** Aborted, with the reason, when the program ends without being told to. */
  readonly gone: AbortSignal;
  /** Resolves when the process has ended. */
  stop(): Promise<void>;
}

/**
 * Starts a program of ours that stays, and waits until it is ready.
 * @throws when it ends, or is not ready in time; nothing is left running then.
 */
export async function startChild<T>(order: ChildOrder<T>): Promise<Child<T>> {
  const stopping = new AbortController();
  const gone = new AbortController();
  const { promise: ready, resolve, reject } = Promise.withResolvers<T>();
  ready.catch(() => undefined);
  const ended = live(order, stopping.signal, resolve, (error) => {
    gone.abort(error);
    reject(error);
  });
  const stop = async (): Promise<void> => {
    stopping.abort(new Error("stopped"));
    await ended;
  };
  const waiting = new AbortController();
  const limit = AbortSignal.any([order.signal, waiting.signal]);
  const late = delay(order.limitMs, undefined, { signal: limit }).then(() => {
    throw new Error(`${order.name} was not ready within ${order.limitMs / 1000} s.`);
  });
  try {
    return { ready: await Promise.race([ready, late]), gone: gone.signal, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    waiting.abort();
    await late.catch(() => undefined);
  }
}

/** The program's whole life. Never throws. */
async function live<T>(
  order: ChildOrder<T>,
  stopping: AbortSignal,
  resolve: (ready: T) => void,
  fail: (error: Error) => void,
): Promise<void> {
  const { run, node: file, args, cwd, env } = order;
  const onLine = (line: string) => {
    order.onLine(line);
    const ready = order.ready(line);
    if (ready !== undefined) resolve(ready);
  };
  try {
    const { exitCode, tail } = await run({ file, args, cwd, env, signal: stopping, onLine });
    const last = tail.slice(-10).join("\n");
    throw new Error(`${order.name} ended by itself with exit code ${exitCode}:\n${last}`);
  } catch (error) {
    if (!stopping.aborted) fail(error instanceof Error ? error : new Error(String(error)));
  }
}
