import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { RunCommand } from "../../../core/ports/commands.ts";
import { startChild } from "./child.ts";

const START_LIMIT_MS = 60_000;
const LISTENS = /^IMS listens on (http:\/\/\S+)/u;

export interface ServiceOrder {
  readonly run: RunCommand;
  readonly node: string;
  readonly home: string;
  readonly data: string;
  readonly logFile: string;
  /** Where it stores, when that is not the data folder. */
  readonly storage: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface RunningService {
  readonly url: string;
  /** Aborted, with the reason, when the service ends without being told to. */
  readonly gone: AbortSignal;
  /** Resolves when the process has ended. */
  stop(): Promise<void>;
}

/**
 * Starts the service on a free port of loopback.
 * @throws when it ends, or does not listen within a minute; nothing is left running then.
 */
export async function startService(order: ServiceOrder): Promise<RunningService> {
  await mkdir(order.data, { recursive: true });
  const log = createWriteStream(order.logFile, { flags: "a" });
  try {
    const child = await startChild({
      name: `The service (see ${order.logFile})`,
      run: order.run,
      node: order.node,
      args: [join(order.home, "functions/runtime/node.ts")],
      cwd: order.home,
      env: { ...order.storage, IMS_HOST: "127.0.0.1", IMS_PORT: "0", IMS_DATA: order.data },
      limitMs: START_LIMIT_MS,
      onLine: (line) => log.write(`${line}\n`),
      ready: (line) => LISTENS.exec(line)?.[1],
      signal: order.signal,
    });
    const stop = async (): Promise<void> => {
      await child.stop();
      log.end();
    };
    return { url: child.ready, gone: child.gone, stop };
  } catch (error) {
    log.end();
    throw error;
  }
}
