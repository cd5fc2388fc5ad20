import type { UnpackOrder } from "../../core/ports/agent-tools.ts";
import { createReadStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract, type Header } from "tar-stream";
import { DomainError, isDomainError } from "../../core/errors.ts";
import { refuse, shown } from "./entry-name.ts";
import { codeOf } from "../process/errors.ts";
import { fileError } from "./fs-errors.ts";
import { createTree, type EntryFacts, type Tree } from "./tree.ts";

const OTHER_FORMATS: readonly (readonly [magic: string, name: string])[] = [
  ["fd377a585a00", "an xz archive"],
  ["425a68", "a bzip2 archive"],
  ["28b52ffd", "a zstd archive"],
  ["504b0304", "a zip archive"],
];

/** @throws `invalid` naming what the file is instead, as far as its first bytes tell. */
async function expectGzip(archive: string): Promise<void> {
  const file = await open(archive, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, 6, 0);
    const start = buffer.subarray(0, bytesRead).toString("hex");
    if (start.startsWith("1f8b")) return;
    const known = OTHER_FORMATS.find(([magic]) => start.startsWith(magic))?.[1] ?? "something else";
    throw refuse(`The archive is not gzip but ${bytesRead === 0 ? "empty" : known}.`);
  } finally {
    await file.close();
  }
}

/** Counts what comes out of the gzip stream, so that padding and long headers of a bomb count too. */
function limit(maxBytes: number, counted: (bytes: number) => void): Transform {
  let total = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      total += chunk.length;
      counted(total);
      if (total > maxBytes)
        done(refuse(`The archive unpacks to more than the ${maxBytes} bytes that are allowed.`));
      else done(null, chunk);
    },
  });
}

async function* bytesOf(source: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    if (chunk instanceof Uint8Array) yield chunk;
  }
}

type Put = (tree: Tree, facts: EntryFacts, header: Header, content: AsyncIterable<unknown>) => Promise<void>;

const putFile: Put = (tree, facts, _header, content) => tree.file(facts, bytesOf(content));

/** Devices and pipes are not here, nor is what tar-stream does not know and has no type for. */
const PUT = new Map<string, Put>([
  ["file", putFile],
  ["contiguous-file", putFile],
  ["directory", (tree, facts) => tree.directory(facts)],
  ["symlink", (tree, facts, header) => tree.symlink(facts, header.linkname ?? "")],
  ["link", (tree, facts, header) => tree.hardLink(facts, header.linkname ?? "")],
]);

/** A damaged header may hold no number where one belongs. */
function factsOf(header: Header): EntryFacts {
  const mode = Number.isInteger(header.mode) ? header.mode : 0o644;
  const modified = Number.isFinite(header.mtime.getTime()) ? header.mtime : new Date(0);
  return { name: header.name, mode, modified };
}

function unpackError(error: unknown): unknown {
  const code = codeOf(error) ?? "";
  if (code === "Z_BUF_ERROR") return refuse("The archive ends too early: it was cut off.");
  if (code.startsWith("Z_")) return refuse("The archive is damaged: it is not a whole gzip stream.");
  if (code === "ENAMETOOLONG") return refuse("The archive has a name that is too long.");
  if (code !== "" || !(error instanceof Error)) return fileError(error, "unpacking the recipe's archive");
  if (error.message.startsWith("Unexpected end of data"))
    return refuse("The archive ends too early: its last entry was cut off.");
  if (/header/iu.test(error.message))
    return refuse("What the archive unpacks to is not a whole tar archive.");
  return error;
}

/** The cause of a failed pipeline: its other ends only tell that it was torn down. */
function rootCause(errors: readonly unknown[], signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  const told = errors.find((error) => isDomainError(error));
  const translated = errors.map(unpackError);
  return told ?? translated.find((error) => isDomainError(error)) ?? translated[0];
}

async function fill(tree: Tree, order: UnpackOrder): Promise<number> {
  let bytes = 0;
  const entries = extract();
  const reading = async (): Promise<void> => {
    for await (const entry of entries) {
      order.signal.throwIfAborted();
      const { header } = entry;
      const put = PUT.get(header.type);
      if (put === undefined)
        throw refuse(`The archive has a ${header.type ?? "thing of unknown kind"}: ${shown(header.name)}.`);
      await put(tree, factsOf(header), header, entry);
      entry.resume();
    }
    await tree.finish();
  };
  const feeding = pipeline(
    createReadStream(order.archive),
    createGunzip(),
    limit(order.maxBytes, (total) => (bytes = total)),
    entries,
    { signal: order.signal },
  );
  const ends = await Promise.allSettled([reading(), feeding]);
  const errors = ends.flatMap((end): unknown[] => (end.status === "rejected" ? [end.reason] : []));
  if (errors.length > 0) throw rootCause(errors, order.signal);
  return bytes;
}

/**
 * Unpacks a tar.gz that nobody vouches for. Names, links and kinds that could reach out of the folder are refused, as
 * are archives that are damaged or larger than allowed; owners are not applied. What was unpacked of a refused archive
 * stays in the folder.
 * @throws `invalid`, `storage-full`, `unavailable`
 */
export async function unpackArchive(
  order: UnpackOrder,
): Promise<{ readonly entries: number; readonly bytes: number }> {
  try {
    await expectGzip(order.archive);
    await mkdir(order.folder, { mode: 0o755 });
    const tree = createTree(order.folder, order.maxEntries);
    const bytes = await fill(tree, order);
    if (bytes === 0) throw new DomainError("invalid", "The archive is empty.");
    return { entries: tree.entries(), bytes };
  } catch (error) {
    if (order.signal.aborted) throw order.signal.reason;
    throw fileError(error, "unpacking the recipe's archive");
  }
}
