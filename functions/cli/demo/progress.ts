import type { Terminal } from "../terminal.ts";
import type { DemoJob } from "./parts.ts";

/** How often a terminal that cannot redraw is told that work goes on. */
const REPEAT_MS = 10_000;

/** `0:07`, `1:23`, `1:02:03`. */
export function clockTime(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours = 0, minutes = 0, rest = 0] = parts;
  const end = String(rest).padStart(2, "0");
  return hours === 0 ? `${minutes}:${end}` : `${hours}:${String(minutes).padStart(2, "0")}:${end}`;
}

/** What kiwi puts before each line: level and time of day, which here only take room. */
const KIWI_PREFIX = /^\[ [A-Z]+ +\]: [\d:]+ \| /u;

/** Phase, elapsed time, percent where a tool tells it, what is being done, and the last line of the log. */
export function statusText(job: DemoJob, elapsedMs: number, lastLine: string): string {
  const percent = job.progress?.percent;
  const known = percent === undefined ? [] : [`${Math.round(percent)} %`];
  const what = [...known, job.progress?.message ?? "", lastLine.replace(KIWI_PREFIX, "")].filter(
    (part) => part !== "",
  );
  return [`[${clockTime(elapsedMs)}] ${job.status}`, ...what].join(" | ");
}

export interface ProgressReporter {
  /** Shows how the job is doing. */
  update(job: DemoJob, lastLine: string): void;
}

/** One line that is redrawn, on a terminal; elsewhere a line for each phase and one every ten seconds. */
export function createProgressReporter(terminal: Terminal, now: () => number): ProgressReporter {
  const started = now();
  let phase: string | undefined;
  let shown = started;
  return {
    update: (job, lastLine) => {
      const elapsed = now() - started;
      if (job.status !== phase) {
        phase = job.status;
        shown = now();
        terminal.line(`[${clockTime(elapsed)}] ${phase}`);
      } else if (!terminal.live && now() - shown >= REPEAT_MS) {
        shown = now();
        terminal.line(statusText(job, elapsed, lastLine));
      }
      terminal.status(statusText(job, elapsed, lastLine));
    },
  };
}
