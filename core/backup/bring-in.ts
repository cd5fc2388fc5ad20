import { DomainError, isDomainError } from "../errors.ts";
import type { ArtifactAddress, Artifacts } from "../ports/artifacts.ts";
import type { JobLogs } from "../ports/job-logs.ts";
import type { Records } from "../ports/records.ts";
import type { BackupProgress } from "./format.ts";
import { findMissingLogs, importLog } from "./import-log.ts";
import { findMissing, importObject } from "./import-objects.ts";
import { type Existing, findExisting, importRecords } from "./import-records.ts";
import { watched } from "./lines.ts";
import type { OriginalLog, OriginalObject, Originals } from "./originals.ts";

export interface ImportPorts {
  readonly records: Records;
  readonly artifacts: Artifacts;
  readonly logs: JobLogs;
}

export interface ImportOptions {
  readonly buckets: { readonly recipes: string; readonly images: string };
  /** Whether a store that has something else already is made what the original is. */
  readonly overwrite: boolean;
  /** Whether nothing is changed. */
  readonly dryRun: boolean;
  readonly progress: BackupProgress;
}

export interface LeftOut extends ArtifactAddress {
  readonly reason: string;
}

export interface BroughtIn {
  readonly records: number;
  /** Objects, and logs, that were not there yet. */
  readonly objects: number;
  readonly logs: number;
  /** Objects that have another ETag now than the records and manifests say. */
  readonly changedEtags: readonly ArtifactAddress[];
  /** Objects that are not what was stored once, or that this store cannot have, and why. */
  readonly leftOut: readonly LeftOut[];
}

/**
 * Makes a store what an original is. Objects and logs come first and the records that name them last; what is there
 * already, and the same, is passed over. So what was cut short at any point is finished by the same again.
 * @throws `conflict` for a store that has something else, `invalid` for buckets of other names
 */
export async function bringIn(
  ports: ImportPorts,
  from: Originals,
  options: ImportOptions,
): Promise<BroughtIn> {
  checkBuckets(from, Object.values(options.buckets));
  const existing = await findExisting(ports.records, from);
  const { missing, taken } = await findMissing(ports.artifacts, from);
  if (!options.overwrite) refuseOther(from, existing, taken);
  const logs = await findMissingLogs(ports.logs, from.logs);
  const planned = { records: from.recordCount, objects: missing.length, logs: logs.length };
  if (options.dryRun) return { ...planned, changedEtags: [], leftOut: [] };
  const brought = await bringContents(ports, from, { objects: missing, logs }, options.progress);
  await importRecords(ports.records, from, existing, options.progress);
  return { ...planned, objects: missing.length - brought.leftOut.length, ...brought };
}

function checkBuckets({ objects, called }: Originals, buckets: readonly string[]): void {
  const others = [...new Set(objects.map(({ bucket }) => bucket))].filter(
    (bucket) => !buckets.includes(bucket),
  );
  if (others.length > 0)
    throw new DomainError(
      "invalid",
      `${capital(called)} has objects in buckets named ${others.join(" and ")}, and this store's are ${buckets.join(" and ")}. ` +
        "Records and manifests name buckets: set S3_IMS_BUCKET and S3_BOOT_IMAGES_BUCKET to the same names.",
    );
}

const capital = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

function refuseOther(
  { called }: Originals,
  { differing }: Existing,
  taken: readonly ArtifactAddress[],
): void {
  const [first] = taken;
  if (differing > 0)
    throw new DomainError(
      "conflict",
      `The store has ${differing} records that ${called} does not have, or has otherwise. Bring it into an empty store, or with --overwrite: the store becomes what ${called} is, and those records are lost.`,
    );
  if (first !== undefined)
    throw new DomainError(
      "conflict",
      `The store has ${taken.length} other objects where those of ${called} go, such as s3://${first.bucket}/${first.key}. Bring it into an empty store, or with --overwrite: they are replaced.`,
    );
}

async function bringContents(
  { artifacts, logs }: Pick<ImportPorts, "artifacts" | "logs">,
  from: Originals,
  wanted: { readonly objects: readonly OriginalObject[]; readonly logs: readonly OriginalLog[] },
  progress: BackupProgress,
): Promise<Pick<BroughtIn, "changedEtags" | "leftOut">> {
  const changedEtags: ArtifactAddress[] = [];
  const leftOut: LeftOut[] = [];
  const objects = Map.groupBy(wanted.objects, ({ file }) => file);
  const logsByFile = new Map(wanted.logs.map((log) => [log.file, log]));
  const files = new Set([...objects.keys(), ...logsByFile.keys()]);
  let done = 0;
  for await (const { file, body } of from.contents(files)) {
    const tick = (bytes: number) => progress({ what: "objects and logs", done, of: files.size, bytes });
    const log = logsByFile.get(file);
    if (log !== undefined) await importLog(logs, watched(body, tick), log);
    const those = objects.get(file) ?? [];
    try {
      const lines = await Promise.all(those.map((object) => from.complete(object)));
      changedEtags.push(...(await importObject(artifacts, watched(body, tick), lines)));
    } catch (error) {
      if (!isDomainError(error, "invalid")) throw error;
      const reason = error.message;
      leftOut.push(...those.map(({ bucket, key }) => ({ bucket, key, reason })));
    }
    done += 1;
  }
  return { changedEtags, leftOut };
}
