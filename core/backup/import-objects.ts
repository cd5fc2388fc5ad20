import { DomainError } from "../errors.ts";
import type { ArtifactAddress, ArtifactInfo, Artifacts } from "../ports/artifacts.ts";
import type { ObjectLine } from "./format.ts";

/** So many objects are looked at at once. */
const LOOKS = 16;

export interface ObjectsToImport {
  /** By the entry that has their content. */
  readonly missing: ReadonlyMap<string, readonly ObjectLine[]>;
  /** Addresses under which the store has something else. */
  readonly taken: readonly ArtifactAddress[];
}

/** Compares what is there with what the backup has. */
export async function findMissing(
  artifacts: Artifacts,
  lines: readonly ObjectLine[],
): Promise<ObjectsToImport> {
  const missing: ObjectLine[] = [];
  const taken: ArtifactAddress[] = [];
  for (let at = 0; at < lines.length; at += LOOKS) {
    const some = lines.slice(at, at + LOOKS);
    const infos = await Promise.all(some.map((line) => artifacts.stat(line)));
    for (const [index, line] of some.entries()) {
      const info = infos[index];
      if (info !== undefined && isSame(info, line)) continue;
      missing.push(line);
      if (info !== undefined && !sameContent(info, line)) taken.push(line);
    }
  }
  return { missing: Map.groupBy(missing, ({ file }) => file), taken };
}

const sameContent = ({ size, sha256, md5, etag }: ArtifactInfo, line: ObjectLine): boolean =>
  size === line.size &&
  (sha256 ?? line.sha256) === line.sha256 &&
  (md5 ?? line.md5) === line.md5 &&
  (sha256 !== undefined || md5 !== undefined || etag === line.etag);

function isSame(info: ArtifactInfo, line: ObjectLine): boolean {
  const { etag, contentType, metadata } = info;
  return (
    sameContent(info, line) &&
    etag === line.etag &&
    contentType === line.content_type &&
    sameMetadata(metadata, line.metadata)
  );
}

function sameMetadata(a: ArtifactInfo["metadata"], b: ArtifactInfo["metadata"]): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** Stores the content of one entry under each of its addresses. Answers those whose ETag the store could not keep. */
export async function importObject(
  artifacts: Artifacts,
  body: AsyncIterable<Uint8Array>,
  lines: readonly ObjectLine[],
): Promise<ArtifactAddress[]> {
  const changed: ArtifactAddress[] = [];
  let first: ArtifactAddress | undefined;
  for (const line of lines) {
    const source = first === undefined ? body : (await artifacts.read(first))?.body;
    if (source === undefined) throw new DomainError("conflict", "Somebody else works on the store.");
    const { size, md5, sha256, etag, metadata } = line;
    const stored = await artifacts.write(line, source, {
      contentType: line.content_type,
      metadata,
      expect: { size, md5, sha256 },
      etag,
    });
    if (stored.etag !== etag) changed.push({ bucket: line.bucket, key: line.key });
    first = line;
  }
  return changed;
}
