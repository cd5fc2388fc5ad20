import type { BackupSource } from "../ports/backup.ts";
import { bringIn, type BroughtIn, type ImportOptions, type ImportPorts } from "./bring-in.ts";
import { type BackupRecord, checkBackup, type CheckedBackup, parseRecordLine } from "./check.ts";
import type { Manifest } from "./format.ts";
import { linesOf, textOf } from "./lines.ts";
import type { Originals } from "./originals.ts";

export interface Imported extends BroughtIn {
  readonly manifest: Manifest;
}

/**
 * Brings a backup into a store. All of it is checked before anything is changed.
 * @throws `invalid` for a backup that is damaged, and what `bringIn` throws
 */
export async function importStore(
  ports: ImportPorts,
  source: BackupSource,
  options: ImportOptions,
): Promise<Imported> {
  const backup = await checkBackup(source, options.progress);
  return { manifest: backup.manifest, ...(await bringIn(ports, originalsOf(backup, source), options)) };
}

function originalsOf({ manifest, objects, logs }: CheckedBackup, source: BackupSource): Originals {
  const lines = new Map(objects.map((line) => [`${line.bucket}/${line.key}`, line]));
  return {
    called: "the backup",
    recordCount: Object.values(manifest.records.counts).reduce((sum, one) => sum + one, 0),
    records: () => recordsOf(source, manifest),
    objects,
    logs,
    async complete(object) {
      const line = lines.get(`${object.bucket}/${object.key}`);
      if (line === undefined) throw new Error("The object is none of the backup's.");
      return line;
    },
    async *contents(files) {
      for await (const { name: file, body } of source.entries()) if (files.has(file)) yield { file, body };
    },
  };
}

/** In the order in which they were listed. */
async function* recordsOf(source: BackupSource, manifest: Manifest): AsyncGenerator<BackupRecord> {
  const files = new Set(manifest.records.pieces.map(({ file }) => file));
  for await (const { name, body } of source.entries())
    if (files.has(name)) for (const line of linesOf(await textOf(body))) yield parseRecordLine(line, name);
}
