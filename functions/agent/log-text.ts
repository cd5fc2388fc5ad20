import { createKeyHider, hiderOf, hideSecrets } from "./secrets.ts";

const LONGEST_LINE_BYTES = 8192;

/** Colours and cursor movements of terminals. */
// oxlint-disable-next-line no-control-regex -- escape sequences begin with a control character
const ESCAPES = /\u001B(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\-_])/gu;
const CONTROLS = /(?!\t)\p{Cc}/gu;
function cut(line: string): string {
  const size = Buffer.byteLength(line);
  if (size <= LONGEST_LINE_BYTES) return line;
  const bytes = Buffer.from(line);
  let end = LONGEST_LINE_BYTES;
  // Not within a character: bytes that go on with one begin with the bits 10.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString("utf8", 0, end)} [${size - end} more bytes]`;
}

export interface LogText {
  /** Makes any text fit to be shown to the job's user: no secrets, no control characters but tabs, lines of 8 KiB. */
  readonly clean: (text: string) => string;
  /** The same for one line of the log after the other: a secret may go over several. */
  readonly line: (line: string) => string;
  /** From now on these values are secrets too. */
  readonly hide: (values: readonly string[]) => void;
}

export function createLogText(token: string): LogText {
  let secrets = [token];
  let hideValues = hiderOf(secrets);
  const hideKey = createKeyHider();
  const plain = (text: string): string =>
    text.replaceAll(ESCAPES, "").replaceAll(CONTROLS, "").toWellFormed();
  const clean = (text: string): string => cut(hideSecrets(hideValues(plain(text))));
  return {
    clean,
    line: (line) => clean(hideKey(plain(line))),
    hide: (values) => {
      secrets = [...secrets, ...values];
      hideValues = hiderOf(secrets);
    },
  };
}
