const LONGEST_LINE_BYTES = 8192;

/** Colours and cursor movements of terminals. */
// oxlint-disable-next-line no-control-regex -- escape sequences begin with a control character
const ESCAPES = /\u001B(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\-_])/gu;
const CONTROLS = /(?!\t)\p{Cc}/gu;
/** Of signed URLs, ours and S3's. */
const SIGNATURES = /((?:signature|security-token|x-amz-credential)=)[^\s&"'<>]+/giu;
/** Of a repository's address. */
const URL_PASSWORDS = /(:\/\/[^/\s:@"']{0,256}:)[^/\s@"']{1,256}@/gu;

function cut(line: string): string {
  const size = Buffer.byteLength(line);
  if (size <= LONGEST_LINE_BYTES) return line;
  const bytes = Buffer.from(line);
  let end = LONGEST_LINE_BYTES;
  // Not within a character: bytes that go on with one begin with the bits 10.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString("utf8", 0, end)} [${size - end} more bytes]`;
}

/** Makes any text fit to be shown to the job's user: no secrets, no control characters but tabs, lines of 8 KiB. */
export function createLogText(token: string): (line: string) => string {
  return (line) => {
    const plain = line.replaceAll(ESCAPES, "").replaceAll(CONTROLS, "").toWellFormed();
    const hidden = plain
      .replaceAll(token, "[redacted]")
      .replaceAll(SIGNATURES, "$1[redacted]")
      .replaceAll(URL_PASSWORDS, "$1[redacted]@");
    return cut(hidden);
  };
}
