import type { ArtifactInfo, Artifacts } from "../ports/artifacts.ts";
import type { BackupTarget } from "../ports/backup.ts";
import type { BackupProgress, ObjectLine } from "./format.ts";
import { watched } from "./lines.ts";
import { partSizesMember } from "./part-sizes.ts";

export interface ObjectsCopy {
  /** Lists the buckets and writes the content of every object there that the backup does not have yet. */
  copy(): Promise<void>;
  /**
   * Whether another list shows the same as that of the last copy: then all objects were so at the moment between the two.
   * One list alone may miss an object that moves meanwhile, at both of its places.
   */
  isStill(): Promise<boolean>;
  /** Of the last copy. */
  lines(): readonly ObjectLine[];
  /** Those whose content is not what it was when it was stored. */
  damaged(): readonly ArtifactInfo[];
}

type Content = Pick<ObjectLine, "file" | "md5" | "sha256" | "part_sizes">;

export function createObjectsCopy(
  artifacts: Artifacts,
  buckets: readonly string[],
  target: BackupTarget,
  progress: BackupProgress,
): ObjectsCopy {
  /** By what does not change when an object moves. */
  const contents = new Map<string, Content>();
  const damaged = new Map<string, ArtifactInfo>();
  let lines: ObjectLine[] = [];
  let seen = new Set<string>();

  async function copyOne(info: ArtifactInfo, tick: (bytes: number) => void): Promise<ObjectLine | undefined> {
    const content = await artifacts.read(info);
    if (content === undefined) return undefined;
    const file = `objects/${String(contents.size + damaged.size + 1).padStart(8, "0")}`;
    const found = content.info;
    const digests = await target.write(file, found.size, watched(content.body, tick));
    if (isDamaged(found, digests)) {
      damaged.set(contentKey(found), found);
      return undefined;
    }
    const copied = { file, ...digests, ...(await partSizesMember(artifacts, found)) };
    contents.set(contentKey(found), copied);
    return lineOf(found, copied);
  }

  return {
    async copy() {
      const infos = await listed(artifacts, buckets);
      lines = [];
      seen = new Set(infos.map(seenKey));
      for (const [done, info] of infos.entries()) {
        const tick = (bytes: number) => progress({ what: "objects", done, of: infos.length, bytes });
        tick(0);
        if (damaged.has(contentKey(info))) continue;
        const known = contents.get(contentKey(info));
        const line = known === undefined ? await copyOne(info, tick) : lineOf(info, known);
        if (line !== undefined) lines.push(line);
      }
    },
    async isStill() {
      const infos = await listed(artifacts, buckets);
      return infos.length === seen.size && infos.every((info) => seen.has(seenKey(info)));
    },
    lines: () => lines,
    damaged: () => [...damaged.values()],
  };
}

export async function listed(artifacts: Artifacts, buckets: readonly string[]): Promise<ArtifactInfo[]> {
  const infos: ArtifactInfo[] = [];
  for (const bucket of new Set(buckets))
    for await (const info of artifacts.list(bucket, "")) infos.push(info);
  return infos;
}

const contentKey = ({ size, etag, sha256 }: ArtifactInfo): string => `${size} ${etag} ${sha256 ?? ""}`;

export const seenKey = (info: ArtifactInfo): string => `${info.bucket}/${info.key} ${contentKey(info)}`;

/** What others put into a bucket has no digests to hold it to. */
function isDamaged(info: ArtifactInfo, digests: Pick<ObjectLine, "md5" | "sha256">): boolean {
  return (info.sha256 ?? digests.sha256) !== digests.sha256 || (info.md5 ?? digests.md5) !== digests.md5;
}

function lineOf(info: ArtifactInfo, content: Content): ObjectLine {
  const { bucket, key, size, etag, contentType, metadata } = info;
  return { ...content, bucket, key, size, etag, content_type: contentType, metadata: { ...metadata } };
}
