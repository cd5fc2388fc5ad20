import type { BackupTarget } from "../ports/backup.ts";
import type { Piece } from "./format.ts";

const PIECE_BYTES = 4_194_304;
const encoder = new TextEncoder();

/** Writes values as lines of JSON, `<prefix><number>.ndjson`, as many entries as they fill. */
export async function writeLines(
  target: BackupTarget,
  prefix: string,
  values: AsyncIterable<unknown> | Iterable<unknown>,
): Promise<Piece[]> {
  const pieces: Piece[] = [];
  let lines: Uint8Array[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    if (lines.length === 0) return;
    const file = `${prefix}${pieces.length + 1}.ndjson`;
    const { sha256 } = await target.write(file, size, each(lines));
    pieces.push({ file, size, sha256 });
    lines = [];
    size = 0;
  };
  for await (const value of values) {
    const line = encoder.encode(`${JSON.stringify(value)}\n`);
    lines.push(line);
    size += line.length;
    if (size >= PIECE_BYTES) await flush();
  }
  await flush();
  return pieces;
}

export async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** All of a small body. */
export async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of body) text += decoder.decode(bytes, { stream: true });
  return text + decoder.decode();
}

export const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** The body as it is, and a word for each chunk of it: whoever waits for a large one sees it go on, or ends it. */
export async function* watched(
  body: AsyncIterable<Uint8Array>,
  tick: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    tick(bytes);
    yield chunk;
  }
}
