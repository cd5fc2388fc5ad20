import type { BackupProgress } from "../../core/backup/format.ts";
import type { CliContext } from "./command.ts";

/** What is over sooner needs no words. */
const FIRST_MS = 2000;
/** On a terminal that can be redrawn, and elsewhere. */
const LIVE_MS = 200;
const PLAIN_MS = 10_000;

/** Says now and then how far it is, where errors go, and ends the work when the user wants to stop. */
export function createBackupProgress(
  { terminal, signal }: Pick<CliContext, "terminal" | "signal">,
  now: () => number,
): BackupProgress {
  let next = now() + FIRST_MS;
  return ({ what, done, of, bytes = 0 }) => {
    signal.throwIfAborted();
    if (now() < next) return;
    next = now() + (terminal.live ? LIVE_MS : PLAIN_MS);
    const under = bytes === 0 ? "" : `, ${sizeText(bytes)} of the next`;
    const text = `${what}: ${done}${of === undefined ? "" : ` of ${of}`}${under}`;
    if (terminal.live) terminal.status(text);
    else terminal.error(text);
  };
}

/** `1.5 GiB`. */
export function sizeText(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
