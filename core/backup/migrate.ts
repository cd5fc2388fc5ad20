import { DomainError } from "../errors.ts";
import type { ArtifactInfo, Artifacts } from "../ports/artifacts.ts";
import type { Digests } from "../ports/backup.ts";
import type { JobLogs } from "../ports/job-logs.ts";
import type { RecordsSnapshots } from "../ports/records-snapshots.ts";
import { bringIn, type BroughtIn, type ImportOptions, type ImportPorts } from "./bring-in.ts";
import { logsIn } from "./export-logs.ts";
import { listed, seenKey } from "./export-objects.ts";
import type { BackupProgress, ObjectLine } from "./format.ts";
import { watched } from "./lines.ts";
import type { OriginalObject, Originals } from "./originals.ts";
import { partSizesMember } from "./part-sizes.ts";
import { RESTLESS, type Versions, versionsNow } from "./versions.ts";

/** An installation that is moved. */
export interface SourcePorts {
  readonly snapshots: RecordsSnapshots;
  readonly artifacts: Artifacts;
  readonly logs: JobLogs;
  /** Of all that the body has. */
  readonly digest: (body: AsyncIterable<Uint8Array>) => Promise<Digests>;
}

/**
 * Makes a store what another one is, of whatever kind both are. The other one is not changed; nobody may work on either
 * meanwhile.
 * @throws `conflict` when somebody does, and what `bringIn` throws
 */
export async function migrateStore(
  source: SourcePorts,
  target: ImportPorts,
  options: ImportOptions,
): Promise<BroughtIn> {
  const before = await look(source, options);
  const contents = await contentsOf(source, before.infos, options.progress);
  const originals: Originals = {
    called: "the source",
    recordCount: count(before.versions),
    records: () => source.snapshots.take(),
    ...contents,
  };
  const brought = await bringIn(target, originals, options);
  const after = await look(source, options);
  if (!before.versions.same(after.versions, (kind) => !RESTLESS.has(kind)) || !sameObjects(before, after))
    throw changes();
  return brought;
}

interface Look {
  readonly versions: Versions;
  readonly infos: readonly ArtifactInfo[];
}

async function look({ snapshots, artifacts }: SourcePorts, { buckets }: ImportOptions): Promise<Look> {
  return {
    versions: await versionsNow(snapshots),
    infos: await listed(artifacts, Object.values(buckets)),
  };
}

function sameObjects(before: Look, after: Look): boolean {
  const seen = new Set(before.infos.map(seenKey));
  return after.infos.length === seen.size && after.infos.every((info) => seen.has(seenKey(info)));
}

function count(versions: Versions): number {
  return [...versions.kinds()].reduce((sum, kind) => sum + versions.of(kind).size, 0);
}

function changes(): DomainError {
  return new DomainError(
    "conflict",
    "The source changes while it is moved, so the target is not what it is now. Stop every service that uses it, and do this again with --overwrite.",
  );
}

/** Objects and logs of an installation, which are read when they are asked for. */
export async function contentsOf(
  { artifacts, logs, digest }: Omit<SourcePorts, "snapshots">,
  infos: readonly ArtifactInfo[],
  progress: BackupProgress,
): Promise<Pick<Originals, "objects" | "logs" | "complete" | "contents">> {
  const objects = infos.map(objectOf);
  const found = await Array.fromAsync(logsIn(logs));
  return {
    objects,
    logs: found,
    complete: (object) => complete(artifacts, digest, object, progress),
    async *contents(files) {
      for (const object of objects)
        if (files.has(object.file)) yield { file: object.file, body: await bodyOf(artifacts, object) };
      for (const { file, job, size } of found)
        if (files.has(file)) yield { file, body: logs.read(job, 0, size) };
    },
  };
}

function objectOf({ bucket, key, size, etag, md5, sha256, contentType, metadata }: ArtifactInfo) {
  const digests = md5 === undefined || sha256 === undefined ? {} : { md5, sha256 };
  const file = `objects/${bucket}/${key}`;
  return { file, bucket, key, size, etag, ...digests, content_type: contentType, metadata };
}

async function bodyOf(artifacts: Artifacts, object: OriginalObject): Promise<AsyncIterable<Uint8Array>> {
  const content = await artifacts.read(object);
  if (content === undefined || content.info.etag !== object.etag) throw changes();
  return content.body;
}

/** What has no digests of its own, since others put it there, is read for them: what arrives is held to what was read. */
async function complete(
  artifacts: Artifacts,
  digest: SourcePorts["digest"],
  object: OriginalObject,
  progress: BackupProgress,
): Promise<ObjectLine> {
  const parts = await partSizesMember(artifacts, object);
  const { md5, sha256 } = object;
  if (md5 !== undefined && sha256 !== undefined) return { ...object, md5, sha256, ...parts };
  const tick = (bytes: number) => progress({ what: `bytes of ${object.key} read`, done: bytes });
  return { ...object, ...(await digest(watched(await bodyOf(artifacts, object), tick))), ...parts };
}
