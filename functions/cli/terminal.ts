/** Where a command talks to its user. */
export interface Terminal {
  /** Whether a status can be redrawn in place. */
  readonly live: boolean;
  readonly columns: () => number;
  /** A line that stays. */
  line(text: string): void;
  /** A line that the next one replaces; only where the terminal is live. */
  status(text: string): void;
  error(text: string): void;
}

interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const ERASE_LINE = "\r\u001B[2K";
const NARROWEST = 20;
const USUAL_WIDTH = 80;

/** What programs print may move the cursor or ring the bell: none of it reaches the user's terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
  return text.replaceAll(/\u001B\[[0-?]*[ -/]*[@-~]/gu, "").replaceAll(/[\u0000-\u001F\u007F-\u009F]/gu, " ");
}

/** The text in one line of at most so many columns, its end cut off with an ellipsis. */
export function fit(text: string, columns: number): string {
  const characters = Array.from(printable(text));
  if (characters.length <= columns) return characters.join("");
  return `${characters.slice(0, Math.max(0, columns - 1)).join("")}…`;
}

export function createTerminal(out: Output, err: Output): Terminal {
  const live = out.isTTY === true;
  const columns = () => Math.max(NARROWEST, out.columns ?? USUAL_WIDTH);
  const erase = live ? ERASE_LINE : "";
  return {
    live,
    columns,
    line: (text) => out.write(`${erase}${text}\n`),
    status: (text) => {
      if (live) out.write(`${erase}${fit(text, columns() - 1)}`);
    },
    error: (text) => {
      if (live) out.write(erase);
      err.write(`${text}\n`);
    },
  };
}
