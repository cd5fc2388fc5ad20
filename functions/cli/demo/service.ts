import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RunCommand } from "../../../core/ports/commands.ts";

const START_LIMIT_MS = 60_000;
const LISTENS = /^IMS listens on (http:\/\/\S+)/u;

export interface ServiceOrder {
  readonly run: RunCommand;
  readonly node: string;
  readonly home: string;
  readonly data: string;
  readonly logFile: string;
  readonly signal: AbortSignal;
}

export interface RunningService {
  readonly url: string;
  /** Aborted, with the reason, when the service ends without being told to. */
  readonly gone: AbortSignal;
  /** Resolves when the process has ended. */
  stop(): Promise<void>;
}

interface Child {
  readonly listening: Promise<string>;
  readonly gone: AbortSignal;
  stop(): Promise<void>;
}

function startChild(order: ServiceOrder, log: (line: string) => void): Child {
  const stopping = new AbortController();
  const gone = new AbortController();
  const { promise: listening, resolve, reject } = Promise.withResolvers<string>();
  const fail = (error: Error): void => {
    gone.abort(error);
    reject(error);
  };
  const live = async (): Promise<void> => {
    try {
      const { exitCode, tail } = await order.run({
        file: order.node,
        args: [join(order.home, "functions/runtime/node.ts")],
        cwd: order.home,
        env: { IMS_HOST: "127.0.0.1", IMS_PORT: "0", IMS_DATA: order.data },
        signal: stopping.signal,
        onLine: (line) => {
          log(line);
          const url = LISTENS.exec(line)?.[1];
          if (url !== undefined) resolve(url);
        },
      });
      const last = tail.slice(-10).join("\n");
      throw new Error(`The service ended by itself with exit code ${exitCode}:\n${last}`);
    } catch (error) {
      if (!stopping.signal.aborted) fail(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const ended = live();
  const stop = async (): Promise<void> => {
    stopping.abort(new Error("stopped"));
    await ended;
  };
  return { listening, gone: gone.signal, stop };
}

/**
 * Starts the service on a free port of loopback, with its records and artifacts in the data folder.
 * @throws when it ends, or does not listen within a minute; nothing is left running then.
 */
export async function startService(order: ServiceOrder): Promise<RunningService> {
  await mkdir(order.data, { recursive: true });
  const log = createWriteStream(order.logFile, { flags: "a" });
  const child = startChild(order, (line) => log.write(`${line}\n`));
  const stop = async (): Promise<void> => {
    await child.stop();
    log.end();
  };
  const waiting = new AbortController();
  const limit = AbortSignal.any([order.signal, waiting.signal]);
  const late = delay(START_LIMIT_MS, undefined, { signal: limit }).then(() => {
    throw new Error(`The service did not listen within ${START_LIMIT_MS / 1000} s; see ${order.logFile}.`);
  });
  try {
    const url = await Promise.race([child.listening, late]);
    return { url, gone: child.gone, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    waiting.abort();
    await late.catch(() => undefined);
  }
}
