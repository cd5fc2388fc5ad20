import { lstat, mkdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lookInside } from "../archive/inside.ts";
import { isMissing } from "../process/errors.ts";
import { orNothing } from "../process/mount-namespace.ts";

const NAME = "resolv.conf";

interface Seen {
  readonly ino: number;
  readonly mtime: number;
  readonly atime: number;
}

/** Of the entry itself, be it a link. */
async function seen(path: string): Promise<Seen | undefined> {
  try {
    const { ino, mtimeMs, atimeMs } = await lstat(path);
    return { ino, mtime: mtimeMs, atime: atimeMs };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function etcOf(root: string): Promise<string | undefined> {
  const found = await lookInside(root, "etc");
  return found?.stats.isDirectory() === true ? found.path : undefined;
}

interface Loan {
  readonly etc: string;
  readonly path: string;
  /** Where the image's own is meanwhile, if it has one. */
  readonly aside: string | undefined;
  readonly etcBefore: Seen | undefined;
  readonly etcLent: Seen | undefined;
  readonly lent: Seen | undefined;
}

async function lend(etc: string, folder: string, text: Uint8Array): Promise<Loan> {
  const path = join(etc, NAME);
  await mkdir(folder, { mode: 0o700 });
  const etcBefore = await seen(etc);
  const aside = (await seen(path)) === undefined ? undefined : join(folder, NAME);
  if (aside !== undefined) await rename(path, aside);
  await writeFile(path, text, { mode: 0o644, flag: "wx" });
  return { etc, path, aside, etcBefore, etcLent: await seen(etc), lent: await seen(path) };
}

function same(a: Seen | undefined, b: Seen | undefined): boolean {
  return a !== undefined && a.ino === b?.ino && a.mtime === b.mtime;
}

async function giveBack(root: string, loan: Loan): Promise<boolean> {
  const { etc, path, aside, etcBefore, etcLent, lent } = loan;
  if ((await etcOf(root)) !== etc || !same(await seen(path), lent)) return false;
  const isUntouched = same(await seen(etc), etcLent);
  await rm(path);
  if (aside !== undefined) await rename(aside, path);
  // As if nobody had been there, when nobody else has.
  if (isUntouched && etcBefore !== undefined)
    await utimes(etc, etcBefore.atime / 1000, etcBefore.mtime / 1000);
  return true;
}

/**
 * Puts this machine's resolv.conf into the image root, for as long as somebody works there, and the image's own (a
 * file, a link, or none) aside into `folder`, which is made on the same file system. What is answered puts it back as it
 * was, unless the user changed, replaced or removed the file: then theirs stays. It resolves with whether it was put back.
 */
export async function lendResolvConf(root: string, folder: string): Promise<() => Promise<boolean>> {
  const etc = await etcOf(root);
  const text = await orNothing(readFile(`/etc/${NAME}`));
  if (etc === undefined || text === undefined) return async () => true;
  const loan = await lend(etc, folder, text);
  return () => giveBack(root, loan);
}
