export interface AptProgress {
  /** Takes a line of apt-get's output and answers what to show for it, if anything. */
  read(line: string): string | undefined;
}

const NEW = /(\d+) newly installed/u;
const GET = /^Get:(\d+) /u;
const SETTING_UP = /^Setting up ([^\s:]+)/u;
const SIZE = /^Need to get (.+) of archives/u;

/** Counts what apt-get has fetched and set up, against what it said it would. */
export function createAptProgress(): AptProgress {
  let total = 0;
  let done = 0;
  return {
    read: (line) => {
      total = Number(NEW.exec(line)?.[1] ?? total);
      const size = SIZE.exec(line)?.[1];
      if (size !== undefined) return `${total} packages, ${size} to download`;
      const fetched = GET.exec(line)?.[1];
      if (fetched !== undefined && total > 0) return `downloaded ${fetched} of ${total}`;
      const name = SETTING_UP.exec(line)?.[1];
      if (name === undefined) return undefined;
      done += 1;
      return `set up ${done} of ${total}: ${name}`;
    },
  };
}
