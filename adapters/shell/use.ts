import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isForbidden, isMissing } from "../process/errors.ts";
import { listProcesses } from "../process/process-table.ts";

/** What is done slower than this is taken for nothing: keeping a connection alive costs a little, too. */
const WINDOW_MS = 10_000;
const LEAST_TICKS = 2;
const LEAST_BYTES = 2048;

/** What processes have done so far; with those that ended, whose parents it is added to. */
interface Work {
  readonly ticks: number;
  readonly bytes: number;
  /** When a terminal was last written to or read, in milliseconds. */
  readonly terminal: number;
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    // In a container sshd's own processes do not show what they read and wrote; those of its users do.
    if (isMissing(error) || isForbidden(error)) return "";
    throw error;
  }
}

async function workOf(pid: number): Promise<{ readonly ticks: number; readonly bytes: number }> {
  const stat = await readOrEmpty(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  const io = await readOrEmpty(`/proc/${pid}/io`);
  const bytes = [...io.matchAll(/^[rw]char: (\d+)$/gmu)].reduce((sum, [, n]) => sum + Number(n), 0);
  return { ticks, bytes };
}

async function lastTerminalUse(terminals: string): Promise<number> {
  let last = 0;
  for (const name of await readdir(terminals)) {
    if (!/^\d+$/u.test(name)) continue;
    const found = await stat(join(terminals, name)).catch(() => undefined);
    last = Math.max(last, found?.atimeMs ?? 0, found?.mtimeMs ?? 0);
  }
  return last;
}

async function workSoFar(terminals: string): Promise<Work> {
  let [ticks, bytes] = [0, 0];
  for (const { pid } of await listProcesses()) {
    const work = await workOf(pid);
    ticks += work.ticks;
    bytes += work.bytes;
  }
  return { ticks, bytes, terminal: await lastTerminalUse(terminals) };
}

function differs(before: Work, now: Work): boolean {
  return (
    now.ticks - before.ticks >= LEAST_TICKS ||
    now.bytes - before.bytes >= LEAST_BYTES ||
    now.terminal > before.terminal
  );
}

/**
 * Tells, each time it is asked, whether a shell has been used: somebody typed or was shown something, or what runs in
 * it computed, read or wrote. A connection that is merely open is no use of it, nor is a command that only sleeps.
 * It counts all processes that this one can see, for an agent sees none but its job's.
 */
export function createUseMeter(terminals: string): () => Promise<boolean> {
  let before: Work | undefined;
  let since = 0;
  return async () => {
    const now = await workSoFar(terminals);
    const used = before !== undefined && differs(before, now);
    if (before === undefined || used || performance.now() - since > WINDOW_MS) {
      before = now;
      since = performance.now();
    }
    return used;
  };
}
