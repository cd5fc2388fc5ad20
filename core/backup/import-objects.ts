import { DomainError } from "../errors.ts";
import type { ArtifactAddress, ArtifactInfo, Artifacts } from "../ports/artifacts.ts";
import type { ObjectLine } from "./format.ts";
import type { OriginalObject, Originals } from "./originals.ts";
import { partSizesOption } from "./part-sizes.ts";

/** So many objects are looked at at once. */
const LOOKS = 16;

export interface ObjectsToImport {
  readonly missing: readonly OriginalObject[];
  /** Addresses under which the store has something else. */
  readonly taken: readonly ArtifactAddress[];
}

/** Compares what is there with what the original has. */
export async function findMissing(artifacts: Artifacts, from: Originals): Promise<ObjectsToImport> {
  const missing: OriginalObject[] = [];
  const taken: ArtifactAddress[] = [];
  for (let at = 0; at < from.objects.length; at += LOOKS) {
    const some = from.objects.slice(at, at + LOOKS);
    const infos = await Promise.all(some.map((object) => artifacts.stat(object)));
    for (const [index, object] of some.entries()) {
      const info = infos[index];
      const same = info !== undefined && (await hasSameContent(info, object, from));
      if (same && hasSameDescription(info, object)) continue;
      missing.push(object);
      if (info !== undefined && !same) taken.push(object);
    }
  }
  return { missing, taken };
}

async function hasSameContent(info: ArtifactInfo, object: OriginalObject, from: Originals): Promise<boolean> {
  if (info.size !== object.size) return false;
  const bothKnown = info.sha256 !== undefined && object.sha256 !== undefined;
  if (!bothKnown && info.etag === object.etag) return true;
  if (info.sha256 === undefined) return false;
  return info.sha256 === (object.sha256 ?? (await from.complete(object)).sha256);
}

const hasSameDescription = (info: ArtifactInfo, object: OriginalObject): boolean =>
  info.etag === object.etag &&
  info.contentType === object.content_type &&
  sameMetadata(info.metadata, object.metadata);

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
      ...partSizesOption(line),
    });
    if (stored.etag !== etag) changed.push({ bucket: line.bucket, key: line.key });
    first = line;
  }
  return changed;
}
