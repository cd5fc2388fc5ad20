import { chmod, link, lutimes, mkdir, open, rm, symlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { entrySegments, refuse, shown } from "./entry-name.ts";

type Kind = "file" | "directory" | "symlink";

export interface EntryFacts {
  readonly name: string;
  readonly mode: number;
  readonly modified: Date;
}

/** A folder being filled from an archive. Each call rejects with `invalid` rather than touch anything outside. */
export interface Tree {
  directory(entry: EntryFacts): Promise<void>;
  file(entry: EntryFacts, content: AsyncIterable<Uint8Array>): Promise<void>;
  symlink(entry: EntryFacts, target: string): Promise<void>;
  hardLink(entry: EntryFacts, target: string): Promise<void>;
  /** Gives the folders their modes, which may forbid writing into them. */
  finish(): Promise<void>;
  readonly entries: () => number;
}

interface Ledger {
  readonly folder: string;
  readonly maxEntries: number;
  readonly kinds: Map<string, Kind>;
  readonly folders: Map<string, EntryFacts>;
  count: number;
}

function countOne(ledger: Ledger): void {
  ledger.count += 1;
  if (ledger.count > ledger.maxEntries)
    throw refuse(`The archive has more than the ${ledger.maxEntries} entries that are allowed.`);
}

async function enter(ledger: Ledger, entry: EntryFacts, parents: readonly string[]): Promise<void> {
  for (let depth = 1; depth <= parents.length; depth++) {
    const path = parents.slice(0, depth).join("/");
    const kind = ledger.kinds.get(path);
    if (kind === "directory") continue;
    if (kind !== undefined)
      throw refuse(`${shown(entry.name)} in the archive leads through ${shown(path)}, which is a ${kind}.`);
    countOne(ledger);
    await mkdir(join(ledger.folder, path), { mode: 0o755 });
    ledger.kinds.set(path, "directory");
  }
}

/** Makes sure that nothing is at the entry's path, and answers it. A later entry replaces one of the same kind. */
async function place(ledger: Ledger, entry: EntryFacts, kind: Kind): Promise<string> {
  const segments = entrySegments(entry.name);
  if (segments.length === 0)
    throw refuse(`The archive's top folder is a ${kind}, in the entry ${shown(entry.name)}.`);
  await enter(ledger, entry, segments.slice(0, -1));
  const path = segments.join("/");
  const before = ledger.kinds.get(path);
  if (before !== undefined && before !== kind)
    throw refuse(`The archive has ${shown(entry.name)} twice, as a ${before} and as a ${kind}.`);
  countOne(ledger);
  const target = join(ledger.folder, path);
  if (before !== undefined) await rm(target);
  ledger.kinds.set(path, kind);
  return target;
}

async function putFile(ledger: Ledger, entry: EntryFacts, content: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(await place(ledger, entry, "file"), "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.chmod(entry.mode & 0o7777);
    await file.utimes(entry.modified, entry.modified);
  } finally {
    await file.close();
  }
}

async function putSymlink(ledger: Ledger, entry: EntryFacts, target: string): Promise<void> {
  if (target === "" || target.includes("\0"))
    throw refuse(`The link ${shown(entry.name)} in the archive leads nowhere.`);
  const path = await place(ledger, entry, "symlink");
  await symlink(target, path);
  await lutimes(path, entry.modified, entry.modified);
}

async function putHardLink(ledger: Ledger, entry: EntryFacts, target: string): Promise<void> {
  const source = entrySegments(target).join("/");
  if (ledger.kinds.get(source) !== "file")
    throw refuse(`The hard link ${shown(entry.name)} leads to ${shown(target)}, no file before it.`);
  if (source === entrySegments(entry.name).join("/")) return;
  await link(join(ledger.folder, source), await place(ledger, entry, "file"));
}

async function settleFolders(ledger: Ledger): Promise<void> {
  const deepestFirst = [...ledger.folders].sort(([a], [b]) => b.length - a.length);
  for (const [path, entry] of deepestFirst) {
    const target = join(ledger.folder, path);
    await utimes(target, entry.modified, entry.modified);
    // without the owner's rights an agent that is not root could neither read nor remove its own work folder
    await chmod(target, (entry.mode & 0o7777) | 0o700);
  }
}

/**
 * Every path is known by what this tree itself has put there, so nothing is ever written through a link: the folder
 * must be new and nobody else may write to it.
 */
export function createTree(folder: string, maxEntries: number): Tree {
  const ledger: Ledger = { folder, maxEntries, kinds: new Map(), folders: new Map(), count: 0 };
  return {
    entries: () => ledger.count,
    directory: async (entry) => {
      const segments = entrySegments(entry.name);
      await enter(ledger, entry, segments);
      if (segments.length > 0) ledger.folders.set(segments.join("/"), entry);
    },
    file: (entry, content) => putFile(ledger, entry, content),
    symlink: (entry, target) => putSymlink(ledger, entry, target),
    hardLink: (entry, target) => putHardLink(ledger, entry, target),
    finish: () => settleFolders(ledger),
  };
}
