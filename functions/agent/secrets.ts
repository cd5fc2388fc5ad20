const HIDDEN = "[redacted]";
/** A shorter value, such as `true`, would blank out half of a log. */
const SHORTEST_VALUE = 6;

const NAMES =
  "password|passwd|passphrase|secret|token|credentials?|api[_-]?key|access[_-]?key|secret[_-]?key";
const SECRET_NAME = new RegExp(`(?:^|[_.-])(?:pass|pwd|pw|${NAMES})(?:[_.-]?hash)?$`, "iu");

/** Of variables whose names say that they are secret: what must not be shown, wherever it turns up. */
export function secretValues(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables)
    .flatMap(([name, value]) => (SECRET_NAME.test(name) ? [value] : passwordsIn(value)))
    .filter((value) => value.length >= SHORTEST_VALUE);
}

/** Of a proxy's address, for one. */
function passwordsIn(value: string): string[] {
  return [...value.matchAll(/:\/\/[^/\s:@]{0,256}:([^/\s@]{1,256})@/gu)].map(([, password = ""]) => password);
}

/** Lines without any of it are most, and cost little. */
const SUSPICIOUS =
  /pass|secret|token|key|auth|bearer|credential|signature|:\/\/|\bcurl\b|A[KS]IA|gh[pousr]_|glpat-|eyJ/iu;

/** What stands for a value, names a file or a variable, or says that there is none, hides nothing. */
const NO_SECRET =
  "(?!(?:true|false|yes|no|none|null|nil|auto|\\*+|\\d{1,3})(?![^\\s\"'&;,)<>])|\\$\\{?[A-Za-z_]|\\{\\{|%|<|\\.{0,2}\\/[\\w.-]+\\/|\\[redacted\\])";
const VALUE = `${NO_SECRET}[^\\s"'&;,)<>]{4,}`;
const QUOTED = `${NO_SECRET}[^"']{4,}(?=["'])`;

/** Each keeps its first group. */
const RULES: readonly RegExp[] = [
  // Of signed URLs, ours and S3's.
  /((?:signature|security-token|x-amz-credential)=)[^\s&"'<>]+/giu,
  // Of a repository's address.
  /(:\/\/[^/\s:@"']{0,256}:)[^/\s@"']{1,256}(?=@)/gu,
  /\b((?:proxy-)?authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:basic|bearer|token|digest|negotiate)\s{1,4})[^\s"']+/giu,
  /\b((?:proxy-)?authorization["']?\s{0,4}[:=]\s{0,4}["']?)[^\s"']{16,}/giu,
  /\b(bearer\s{1,4})(?=[^\s\d]{0,200}\d)[\w.~+/=-]{16,}/giu,
  new RegExp(`((?<![\\w.-])["']?[\\w.-]{0,64}?(?:${NAMES})["']? ?= ?["'])${QUOTED}`, "giu"),
  new RegExp(`((?<![\\w.-])[\\w.-]{0,64}?(?:${NAMES})=)(?!["'])${VALUE}`, "giu"),
  new RegExp(`(["'][\\w.-]{0,64}?(?:${NAMES})["']\\s{0,4}:\\s{0,4}["'])${QUOTED}`, "giu"),
  new RegExp(`(--(?:[\\w-]{0,40}-)?(?:${NAMES})\\s{1,4}["']?)(?!-)${VALUE}`, "giu"),
  /(\bcurl\b.{0,500}?\s(?:-u|--user|--proxy-user)[ =]?["']?[^\s:"']{1,100}:)[^\s"']+/giu,
  /()\bA[KS]IA[0-9A-Z]{16}\b/gu,
  /()\b(?:gh[pousr]_\w{30,}|glpat-[\w-]{20,}|eyJ[\w-]{10,2000}\.[\w-]{10,4000}\.[\w-]{10,2000})/gu,
  /(-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----).+/gu,
];

/** The text without what looks like a secret. */
export function hideSecrets(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  let hidden = text;
  for (const rule of RULES) hidden = hidden.replaceAll(rule, `$1${HIDDEN}`);
  return hidden;
}

/** Hides these very values, the longest first: one may be part of another. */
export function hiderOf(values: readonly string[]): (text: string) => string {
  const longestFirst = [...new Set(values)].toSorted((a, b) => b.length - a.length);
  const all = new RegExp(
    longestFirst.map((value) => value.replaceAll(/[.*+?^${}()|[\]\\/]/gu, String.raw`\$&`)).join("|") ||
      "(?!)",
    "gu",
  );
  return (text) => text.replaceAll(all, HIDDEN);
}

const BEGIN = /-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----/u;
const END = /-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----/u;
/** An RSA key of 16,384 bits has 200. */
const LONGEST_KEY = 250;

/**
 * Hides the lines of a private key, whatever a build tool puts before each. Others that come in between, of a program
 * that runs beside, stay; and so does what follows a beginning without an end.
 */
export function createKeyHider(): (line: string) => string {
  let left = 0;
  return (line) => {
    if (BEGIN.test(line)) left = END.test(line) ? 0 : LONGEST_KEY;
    else if (left > 0) {
      left = END.test(line) ? 0 : left - 1;
      if (isOfKey(line)) return HIDDEN;
    }
    return line;
  };
}

function isOfKey(line: string): boolean {
  const words = line.trim().split(/\s+/u);
  const last = words.at(-1) ?? "";
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/u.test(last);
  return isBase64 && (words.length === 1 || last.length >= 32);
}
