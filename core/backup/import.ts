import { DomainError } from "../errors.ts";
import type { ArtifactAddress, Artifacts } from "../ports/artifacts.ts";
import type { BackupEntry, BackupSource } from "../ports/backup.ts";
import type { JobLogs } from "../ports/job-logs.ts";
import type { Records } from "../ports/records.ts";
import { checkBackup, type CheckedBackup } from "./check.ts";
import type { BackupProgress, Manifest } from "./format.ts";
import { watched } from "./lines.ts";
import { importLog } from "./import-log.ts";
import { findMissing, importObject } from "./import-objects.ts";
import { type Existing, findExisting, importRecords } from "./import-records.ts";

export interface ImportPorts {
  readonly records: Records;
  readonly artifacts: Artifacts;
  readonly logs: JobLogs;
}

export interface ImportOptions {
  readonly buckets: { readonly recipes: string; readonly images: string };
  /** Whether a store that has something else already is made what the backup is. */
  readonly overwrite: boolean;
  /** Whether nothing is changed. */
  readonly dryRun: boolean;
  readonly progress: BackupProgress;
}

export interface Imported {
  readonly manifest: Manifest;
  readonly records: number;
  /** Objects that were not there yet. */
  readonly objects: number;
  readonly logs: number;
  /** Objects that have another ETag now than the records and manifests say. */
  readonly changedEtags: readonly ArtifactAddress[];
}

/**
 * Brings a backup into a store. All of it is checked before anything is changed. Objects and logs come first and the
 * records that name them last; what is there already, and the same, is passed over. So an import that was cut short at
 * any point is finished by the same import.
 * @throws `invalid` for a backup that is damaged, `conflict` for a store that has something else
 */
export async function importStore(
  ports: ImportPorts,
  source: BackupSource,
  options: ImportOptions,
): Promise<Imported> {
  const backup = await checkBackup(source, options.progress);
  const lines = [...backup.objects.values()].flat();
  checkBuckets(lines, Object.values(options.buckets));
  const existing = await findExisting(ports.records, source, backup.manifest);
  const { missing, taken } = await findMissing(ports.artifacts, lines);
  if (!options.overwrite) refuseOther(existing, taken);
  const planned = {
    manifest: backup.manifest,
    records: count(backup.manifest),
    objects: [...missing.values()].flat().length,
    logs: backup.logs.size,
  };
  if (options.dryRun) return { ...planned, changedEtags: [] };
  const changedEtags = await importContents(ports, source, { ...backup, objects: missing }, options.progress);
  await importRecords(ports.records, source, backup.manifest, existing, options.progress);
  return { ...planned, changedEtags };
}

const count = ({ records }: Manifest) => Object.values(records.counts).reduce((sum, one) => sum + one, 0);

function checkBuckets(lines: readonly ArtifactAddress[], buckets: readonly string[]): void {
  const others = [...new Set(lines.map(({ bucket }) => bucket))].filter(
    (bucket) => !buckets.includes(bucket),
  );
  if (others.length > 0)
    throw new DomainError(
      "invalid",
      `The backup has objects in buckets named ${others.join(" and ")}, and this store's are ${buckets.join(" and ")}. ` +
        "Records and manifests name buckets: set S3_IMS_BUCKET and S3_BOOT_IMAGES_BUCKET to the backup's.",
    );
}

function refuseOther({ differing }: Existing, taken: readonly ArtifactAddress[]): void {
  const [first] = taken;
  if (differing > 0)
    throw new DomainError(
      "conflict",
      `The store has ${differing} records that the backup does not have, or has otherwise. Import into an empty store, or with --overwrite: it becomes what the backup is, and those records are lost.`,
    );
  if (first !== undefined)
    throw new DomainError(
      "conflict",
      `The store has ${taken.length} other objects where the backup's go, such as s3://${first.bucket}/${first.key}. Import into an empty store, or with --overwrite: they are replaced.`,
    );
}

async function importContents(
  { artifacts, logs }: ImportPorts,
  source: BackupSource,
  { objects, logs: logLines }: Pick<CheckedBackup, "objects" | "logs">,
  progress: BackupProgress,
): Promise<ArtifactAddress[]> {
  const changed: ArtifactAddress[] = [];
  const of = objects.size + logLines.size;
  let done = 0;
  const importOne = async (entry: BackupEntry): Promise<void> => {
    const lines = objects.get(entry.name);
    const log = logLines.get(entry.name);
    if (lines === undefined && log === undefined) return;
    const tick = (bytes: number) => progress({ what: "objects and logs", done, of, bytes });
    const body = watched(entry.body, tick);
    if (lines !== undefined) changed.push(...(await importObject(artifacts, body, lines)));
    if (log !== undefined) await importLog(logs, body, log);
    done += 1;
  };
  for await (const entry of source.entries()) await importOne(entry);
  return changed;
}
