import { bringIn, type BroughtIn, type ImportOptions, type ImportPorts } from "../backup/bring-in.ts";
import { contentsOf, type SourcePorts } from "../backup/migrate.ts";
import { listed } from "../backup/export-objects.ts";
import type { OriginalFile } from "./collections.ts";
import { type OriginalOptions, readOriginal } from "./read-original.ts";

export interface ImportedOriginal extends BroughtIn {
  /** What was left out or should be looked at. */
  readonly notes: readonly string[];
}

/**
 * Brings what the original service keeps into a store. All of its records are read first. Without a `source` the objects
 * are taken to be where the target looks for them.
 * @throws what `readOriginal` and `bringIn` throw
 */
export async function importOriginal(
  files: readonly OriginalFile[],
  source: Omit<SourcePorts, "snapshots"> | undefined,
  target: ImportPorts,
  options: ImportOptions & OriginalOptions,
): Promise<ImportedOriginal> {
  const { records, notes } = readOriginal(files, options);
  const contents = source && (await contentsOf(source, await objectsIn(source, options), options.progress));
  const brought = await bringIn(
    target,
    {
      called: "the original",
      recordCount: records.length,
      records: () => records,
      ...(contents ?? NOTHING),
    },
    options,
  );
  return { ...brought, notes };
}

const objectsIn = ({ artifacts }: Pick<SourcePorts, "artifacts">, { buckets }: ImportOptions) =>
  listed(artifacts, Object.values(buckets));

const NOTHING = {
  objects: [],
  logs: [],
  async complete() {
    throw new Error("There are no objects.");
  },
  async *contents() {},
};
