import type { ArtifactInfo, Artifacts } from "../ports/artifacts.ts";
import type { BackupTarget } from "../ports/backup.ts";
import type { BackupProgress, ObjectLine } from "./format.ts";

export interface ObjectsCopy {
  /**
   * Writes the content of every object that the backup does not have yet and answers how many those were; from then on
   * the backup has what the buckets have now.
   */
  copy(): Promise<number>;
  lines(): readonly ObjectLine[];
  /** Those whose content is not what it was when it was stored. */
  damaged(): readonly ArtifactInfo[];
}

export function createObjectsCopy(
  artifacts: Artifacts,
  buckets: readonly string[],
  target: BackupTarget,
  progress: BackupProgress,
): ObjectsCopy {
  /** By what does not change when an object moves. */
  const contents = new Map<string, Pick<ObjectLine, "file" | "md5" | "sha256">>();
  const damaged = new Map<string, ArtifactInfo>();
  let lines: ObjectLine[] = [];

  async function copyOne(info: ArtifactInfo): Promise<ObjectLine | undefined> {
    const content = await artifacts.read(info);
    if (content === undefined) return undefined;
    const file = `objects/${String(contents.size + damaged.size + 1).padStart(8, "0")}`;
    const found = content.info;
    const digests = await target.write(file, found.size, content.body);
    if (isDamaged(found, digests)) {
      damaged.set(contentKey(found), found);
      return undefined;
    }
    contents.set(contentKey(found), { file, ...digests });
    return lineOf(found, { file, ...digests });
  }

  return {
    async copy() {
      const infos = await listed(artifacts, buckets);
      let copied = 0;
      lines = [];
      for (const [done, info] of infos.entries()) {
        progress({ what: "objects", done, of: infos.length });
        if (damaged.has(contentKey(info))) continue;
        const known = contents.get(contentKey(info));
        if (known === undefined) copied += 1;
        const line = known === undefined ? await copyOne(info) : lineOf(info, known);
        if (line !== undefined) lines.push(line);
      }
      return copied;
    },
    lines: () => lines,
    damaged: () => [...damaged.values()],
  };
}

async function listed(artifacts: Artifacts, buckets: readonly string[]): Promise<ArtifactInfo[]> {
  const infos: ArtifactInfo[] = [];
  for (const bucket of new Set(buckets))
    for await (const info of artifacts.list(bucket, "")) infos.push(info);
  return infos;
}

const contentKey = ({ size, etag, sha256 }: ArtifactInfo): string => `${size} ${etag} ${sha256 ?? ""}`;

/** What others put into a bucket has no digests to hold it to. */
function isDamaged(info: ArtifactInfo, digests: Pick<ObjectLine, "md5" | "sha256">): boolean {
  return (info.sha256 ?? digests.sha256) !== digests.sha256 || (info.md5 ?? digests.md5) !== digests.md5;
}

function lineOf(info: ArtifactInfo, content: Pick<ObjectLine, "file" | "md5" | "sha256">): ObjectLine {
  const { bucket, key, size, etag, contentType, metadata } = info;
  return { ...content, bucket, key, size, etag, content_type: contentType, metadata: { ...metadata } };
}
