import { StringDecoder } from "node:string_decoder";

/** A program may print for ever without ending a line; past this many characters the line is cut into several. */
const LONGEST_LINE = 65_536;

const NEWLINE = 10;
const RETURN = 13;

export interface LineSplitter {
  write(bytes: Uint8Array): void;
  /** Hands on what has no end yet. */
  end(): void;
}

/**
 * Cuts UTF-8 bytes, however they come in pieces, into lines. A line that only a carriage return ends (`passing`) is one
 * that the next overwrites on a terminal: a progress bar.
 */
export function createLineSplitter(onLine: (line: string, passing: boolean) => void): LineSplitter {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  /** A carriage return was seen: whether it ends a passing line or is half of `\r\n`, the next character tells. */
  let returned = false;

  const emit = (passing: boolean): void => {
    const line = rest;
    rest = "";
    returned = false;
    if (line !== "" || !passing) onLine(line, passing);
  };

  const add = (piece: string): void => {
    if (piece !== "" && returned) emit(true);
    rest += piece;
    while (rest.length > LONGEST_LINE) {
      onLine(rest.slice(0, LONGEST_LINE), false);
      rest = rest.slice(LONGEST_LINE);
    }
  };

  const split = (text: string): void => {
    let start = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code !== NEWLINE && code !== RETURN) continue;
      add(text.slice(start, at));
      start = at + 1;
      if (code === NEWLINE) emit(false);
      else returned = true;
    }
    add(text.slice(start));
  };

  return {
    write: (bytes) => split(decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))),
    end: () => {
      split(decoder.end());
      if (rest !== "") emit(false);
    },
  };
}
