import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { pack } from "tar-stream";
import type { Pack } from "tar-stream";

/** Owners, times and most of the modes of a checkout are its user's; the archive must not depend on them. */
const EPOCH = new Date(0);

async function addEntry(tar: Pack, folder: string, name: string): Promise<void> {
  const path = join(folder, name);
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const inner = name === "" ? entry.name : `${name}/${entry.name}`;
    const header = { name: inner, mtime: EPOCH };
    if (entry.isDirectory()) {
      tar.entry({ ...header, type: "directory", mode: 0o755 });
      await addEntry(tar, folder, inner);
    } else if (entry.isSymbolicLink()) {
      tar.entry({ ...header, type: "symlink", linkname: await readlink(join(folder, inner)) });
    } else {
      const executable = ((await stat(join(folder, inner))).mode & 0o100) !== 0;
      tar.entry({ ...header, mode: executable ? 0o755 : 0o644 }, await readFile(join(folder, inner)));
    }
  }
}

/** A folder's content as tar.gz, owned by root: the same bytes for the same content, wherever it is checked out. */
export async function packRecipe(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const tar = pack();
  const gzip = createGzip();
  const filled = addEntry(tar, folder, "").then(() => tar.finalize());
  const [archive] = await Promise.all([buffer(gzip), pipeline(tar, gzip), filled]);
  return new Uint8Array(archive);
}
