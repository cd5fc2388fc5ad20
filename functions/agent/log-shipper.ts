import { setTimeout as delay } from "node:timers/promises";
import type { ServiceClient } from "./service-client.ts";

/** Who follows the log sees a line at once, but for those of the same moment; more of them go together. */
const MOMENT_MILLISECONDS = 5;
const FLUSH_MILLISECONDS = 150;
const FLUSH_BYTES = 65_536;
/** Sent at once when the service was away and there is more. */
const CHUNK_BYTES = 262_144;
/** Answers in a row that bring the log no further. */
const MOST_STALLS = 5;
const NEWLINE = 10;

/** Keeps the bytes of this attempt's log until they are shipped, and beyond. */
interface Spool {
  /** Adds bytes at the end. */
  append(bytes: Uint8Array): void;
  /** At most `length` bytes from `offset`. */
  read(offset: number, length: number): Promise<Uint8Array>;
  size(): number;
}

/** The log of the job, as far as this attempt writes it. */
export interface JobLog {
  /** One line, or several, into the log. Never waits, never throws. */
  readonly line: (text: string) => void;
  /** The same for the agent's own words, which still find room when a talkative program used up the log. */
  readonly note: (text: string) => void;
  /** The log ends at so many bytes, but for the agent's own words. */
  readonly limit: (maxBytes: number) => void;
  /** Resolves when everything is with the service, or after so many milliseconds. */
  drain(limit: number): Promise<void>;
}

export interface LogShipperConfig {
  readonly spool: Spool;
  readonly service: Pick<ServiceClient, "appendLog" | "logSize">;
  /** Makes a line fit for users. */
  readonly clean: (line: string) => string;
  /** The log ends there, but for the agent's own words, until `limit` says otherwise. */
  readonly maxBytes: number;
  /** Told once when the log cannot be shipped any more; the job goes on. */
  readonly onBroken: (error: unknown) => void;
}

/** Writes the log to a spool and ships it from there by byte offset, so that memory stays small while the service is away. */
export function createLogShipper(config: LogShipperConfig): JobLog {
  const { spool, clean } = config;
  const shipping = createShipping(config);
  let { maxBytes } = config;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let full = false;
  let timer: NodeJS.Timeout | undefined;
  let flushed = Number.NEGATIVE_INFINITY;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (pendingBytes === 0) return;
    flushed = performance.now();
    spool.append(Buffer.concat(pending, pendingBytes));
    pending = [];
    pendingBytes = 0;
    void shipping.start();
  };

  const untilNextFlush = (): number =>
    Math.max(MOMENT_MILLISECONDS, flushed + FLUSH_MILLISECONDS - performance.now());

  const write = (text: string): void => {
    for (const line of text.split("\n")) {
      const bytes = Buffer.from(`${clean(line)}\n`);
      pending.push(bytes);
      pendingBytes += bytes.length;
    }
    if (pendingBytes >= FLUSH_BYTES) flush();
    else timer ??= setTimeout(flush, untilNextFlush());
  };

  return {
    note: write,
    limit: (bytes) => (maxBytes = bytes),
    line: (text) => {
      if (full) return;
      full = spool.size() + pendingBytes + Buffer.byteLength(text) > maxBytes;
      write(
        full
          ? `The log is longer than ${maxBytes} bytes: what programs print is left out from here on.`
          : text,
      );
    },
    drain: async (limit) => {
      flush();
      const enough = new AbortController();
      const late = delay(limit, undefined, { signal: enough.signal }).catch(() => undefined);
      await Promise.race([shipping.start(), late]);
      enough.abort();
    },
  };
}

/** Whole lines only, so that no character is cut in two; a line is shorter than a chunk. */
function wholeLines(bytes: Uint8Array): Uint8Array {
  const end = bytes.lastIndexOf(NEWLINE);
  return end === -1 ? bytes : bytes.subarray(0, end + 1);
}

/** Sends what the spool has and the service has not, one request at a time. Never rejects. */
function createShipping({ spool, service, onBroken }: LogShipperConfig): { start(): Promise<void> } {
  let shipped = 0;
  let stalls = 0;
  let broken = false;
  let running: Promise<void> | undefined;

  const shipOnce = async (): Promise<void> => {
    const bytes = wholeLines(await spool.read(shipped, CHUNK_BYTES));
    const size = (await service.appendLog(shipped, bytes)) ?? (await service.logSize());
    stalls = size > shipped ? 0 : stalls + 1;
    if (size > spool.size() || stalls > MOST_STALLS) {
      throw new Error(
        `The service has ${size} bytes of a log of ${spool.size()}, of which ${shipped} were sent.`,
      );
    }
    shipped = size;
  };

  const shipAll = async (): Promise<void> => {
    try {
      while (shipped < spool.size()) await shipOnce();
    } catch (error) {
      broken = true;
      onBroken(error);
    }
    // In the same turn as the last look at the spool, so that no line falls between two runs.
    running = undefined;
  };

  return {
    start: async () => {
      if (broken || (running === undefined && shipped >= spool.size())) return;
      await (running ??= shipAll());
    },
  };
}
