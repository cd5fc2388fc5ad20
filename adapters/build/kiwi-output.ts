/** What a line of kiwi's output tells. */
export interface KiwiLine {
  /** Absent when the line is of no use in a job's log. */
  readonly text?: string;
  /** What kiwi is doing now, when the line begins something new. */
  readonly message?: string;
  /** Of the package installation under way. */
  readonly percent?: number;
}

/** kiwi ends its bar with a carriage return or not at all, so a bar may stand before what comes next. */
const BAR = /\[ INFO +\]: Processing: \[[# ]*\] (\d{1,3})%/gu;
const INFO = /^\[ INFO +\]: [\d:]+ \| (?!-->)(.+)$/u;
/** What kiwi does for itself, mostly looking for programs and mounting: hundreds of lines. */
const NOISE =
  /^\[ DEBUG +\]: [\d:]+ \| (?:EXEC: |"[^"]*": in paths |Looking for \S+ in |Creating directory )/u;
/** kiwi prints repositories, and a faulty description as a whole. */
const CREDENTIALS = /(?<=\w:\/\/)[^\s/@"']+@/gu;

export function readKiwiLine(line: string): KiwiLine {
  const percent = [...line.matchAll(BAR)].at(-1)?.[1];
  const text = line.replaceAll(BAR, "").replaceAll("\r", "").replaceAll(CREDENTIALS, "***@").trimEnd();
  const message = INFO.exec(text)?.[1];
  return {
    ...(text === "" || NOISE.test(text) ? {} : { text }),
    ...(message === undefined ? {} : { message }),
    ...(percent === undefined ? {} : { percent: Math.min(100, Number(percent)) }),
  };
}
