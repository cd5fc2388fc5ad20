import { isoTime } from "../collection.ts";
import type { ArtifactInfo, Artifacts } from "../ports/artifacts.ts";
import type { BackupTarget } from "../ports/backup.ts";
import type { Clock } from "../ports/clock.ts";
import type { JobLogs } from "../ports/job-logs.ts";
import type { RecordsSnapshots } from "../ports/records-snapshots.ts";
import type { RecordKind } from "../records.ts";
import { exportLogs } from "./export-logs.ts";
import { createObjectsCopy, type ObjectsCopy } from "./export-objects.ts";
import {
  type BackupProgress,
  FORMAT,
  FORMAT_VERSION,
  MANIFEST,
  MANIFEST_DIGEST,
  type Manifest,
  type Piece,
} from "./format.ts";
import { each, writeLines } from "./lines.ts";
import { createVersions, RESTLESS, type Versions, versionsNow } from "./versions.ts";

export interface ExportPorts {
  readonly snapshots: RecordsSnapshots;
  readonly artifacts: Artifacts;
  readonly logs: JobLogs;
  readonly clock: Pick<Clock, "now">;
}

export interface ExportOptions {
  readonly buckets: { readonly recipes: string; readonly images: string };
  readonly serviceVersion: string;
  readonly objects: boolean;
  readonly logs: boolean;
  readonly progress: BackupProgress;
}

export interface Exported {
  readonly manifest: Manifest;
  /** Objects that are not what was stored once, and not in the backup. */
  readonly damaged: readonly ArtifactInfo[];
}

/** A store where records change all the time is taken as it is after so many looks. */
const MOST_ROUNDS = 10;
/** Those that say which objects there are. */
const NAMING: ReadonlySet<RecordKind> = new Set([
  "image",
  "recipe",
  "deleted-image",
  "deleted-recipe",
  "object-journal",
]);

/**
 * Writes a backup of a store, also while services work on it. Two lists of the buckets that show the same, between two
 * looks at the records that do, show what all of it was at one moment; so it looks again until they do. What is copied
 * already is not copied again.
 */
export async function exportStore(
  ports: ExportPorts,
  target: BackupTarget,
  options: ExportOptions,
): Promise<Exported> {
  const logs = options.logs ? await exportLogs(ports.logs, target, options.progress) : undefined;
  const buckets = Object.values(options.buckets);
  const objects = options.objects
    ? createObjectsCopy(ports.artifacts, buckets, target, options.progress)
    : undefined;
  const settled = await settle(ports.snapshots, objects, target, options.progress);
  const manifest: Manifest = {
    format: FORMAT,
    version: FORMAT_VERSION,
    service_version: options.serviceVersion,
    created: isoTime(ports.clock.now()),
    records: settled.records,
    ...(objects && {
      objects: {
        ...(await index(target, "objects-index/", objects.lines())),
        agree_with_records: settled.objectsAgree,
      },
    }),
    ...(logs && { logs: await index(target, "logs-index/", logs) }),
  };
  await writeManifest(target, manifest);
  await target.finish();
  return { manifest, damaged: objects?.damaged() ?? [] };
}

interface Settled {
  readonly records: Manifest["records"];
  readonly objectsAgree: boolean;
}

async function settle(
  snapshots: RecordsSnapshots,
  objects: ObjectsCopy | undefined,
  target: BackupTarget,
  progress: BackupProgress,
): Promise<Settled> {
  for (let round = 1; ; round += 1) {
    const isLast = round === MOST_ROUNDS;
    const before = await versionsNow(snapshots);
    const stillThere = await copyObjects(objects);
    if (!stillThere && !isLast) continue;
    const { versions, ...written } = await writeRecords(snapshots, target, round, progress);
    const isStill = before.same(versions, (kind) => !RESTLESS.has(kind));
    const objectsAgree = stillThere && before.same(versions, (kind) => NAMING.has(kind));
    const of_one_moment = snapshots.areOfOneMoment || isStill;
    if (isLast || (objectsAgree && of_one_moment))
      return { records: { ...written, of_one_moment }, objectsAgree };
  }
}

/** Whether they stood still meanwhile. */
async function copyObjects(objects: ObjectsCopy | undefined): Promise<boolean> {
  if (objects === undefined) return true;
  await objects.copy();
  return await objects.isStill();
}

async function writeRecords(
  snapshots: RecordsSnapshots,
  target: BackupTarget,
  round: number,
  progress: BackupProgress,
): Promise<{ versions: Versions; pieces: Piece[]; counts: Record<string, number> }> {
  const versions = createVersions();
  const counts: Record<string, number> = {};
  let done = 0;
  async function* lines() {
    for await (const record of snapshots.take()) {
      const { kind, id, value } = record;
      versions.add(record);
      counts[kind] = (counts[kind] ?? 0) + 1;
      progress({ what: "records", done: (done += 1) });
      yield { kind, id, value };
    }
  }
  const pieces = await writeLines(target, `records/${round}/`, lines());
  return { versions, pieces, counts };
}

async function index(target: BackupTarget, prefix: string, lines: readonly { readonly size: number }[]) {
  const pieces = await writeLines(target, prefix, lines);
  return { pieces, count: lines.length, bytes: lines.reduce((sum, { size }) => sum + size, 0) };
}

async function writeManifest(target: BackupTarget, manifest: Manifest): Promise<void> {
  const encoder = new TextEncoder();
  const bytes = encoder.encode(`${JSON.stringify(manifest, undefined, 2)}\n`);
  const { sha256 } = await target.write(MANIFEST, bytes.length, each([bytes]));
  const digest = encoder.encode(`${sha256}  ${MANIFEST}\n`);
  await target.write(MANIFEST_DIGEST, digest.length, each([digest]));
}
