/**
 * Keys as paths. Each segment of a key but the last becomes a directory ending in `@`, so that `a` and `a/b` can both be
 * objects. Anything but `a-z 0-9 . _ -` is escaped, upper case as well: not every file system tells `A` from `a`.
 * A long segment goes on in further directories, each but its last ending in `~`. No piece starts with a dot.
 */

const MOST_PIECE_LENGTH = 200;
/** The last segment when it is empty. Never the outcome of an escape. */
const EMPTY = "%";

/** Path pieces of an object's file, below the directory of its bucket. */
export function encodeKey(key: string): string[] {
  const segments = key.split("/");
  const last = segments.pop() ?? "";
  return [...encodeDirectories(segments), ...cut(escapeText(last) || EMPTY, "")];
}

/** Path pieces of the directory that holds every key starting with these whole segments. */
export function encodeDirectories(segments: readonly string[]): string[] {
  return segments.flatMap((segment) => cut(escapeText(segment), "@"));
}

/** The key of an object's file; `undefined` for a file that no key has. */
export function decodeKey(pieces: readonly string[]): string | undefined {
  const escaped = joinPieces(pieces.at(-1) === EMPTY ? [...pieces.slice(0, -1), ""] : pieces);
  try {
    const key = decodeURIComponent(escaped);
    return encodeKey(key).join("/") === pieces.join("/") ? key : undefined;
  } catch {
    return undefined; // escapes that are no UTF-8: not made by us
  }
}

/** Whether the directory can hold keys that start with the prefix. */
export function canHold(directory: readonly string[], prefix: string): boolean {
  const [has, wants] = [joinPieces(directory), escapeText(prefix)];
  return has.startsWith(wants) || wants.startsWith(has);
}

/** Ends in `@` or `~`, as no file of an object does. */
export function isDirectoryName(piece: string): boolean {
  return /[@~]$/u.test(piece);
}

function escapeText(text: string): string {
  const escapeBytes = (part: string): string =>
    [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  return text.replaceAll(/[^a-z0-9._/-]+/gu, escapeBytes);
}

function cut(escaped: string, ending: string): string[] {
  const pieces = escaped.match(new RegExp(`.{1,${MOST_PIECE_LENGTH}}`, "gu")) ?? [""];
  return pieces.map((piece, index) => {
    const isLast = index === pieces.length - 1;
    return piece.replace(/^\./u, "%2E") + (isLast ? ending : "~");
  });
}

function joinPieces(pieces: readonly string[]): string {
  return pieces.map((piece) => piece.replace(/^%2E/u, ".").replace(/@$/u, "/").replace(/~$/u, "")).join("");
}
