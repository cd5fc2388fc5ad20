import { addressOf, type Link } from "../artifacts/link.ts";
import { linkConflict } from "../artifacts/link-change.ts";
import { ARTIFACT_TYPES, manifestEntry, readManifest } from "../artifacts/manifest.ts";
import { discardStaged } from "../artifacts/staging.ts";
import type { CorePorts } from "../core-ports.ts";
import type { ArtifactInfo } from "../ports/artifacts.ts";
import type { Change } from "../ports/records.ts";
import { known } from "../uploads/said.ts";
import type { ImageArtifact } from "./image-artifacts.ts";
import { placeObject } from "./link-uploads.ts";
import { type ArtifactName, partAddress } from "./uploaded-parts.ts";

export type UploadedArtifact = Omit<ImageArtifact, "name">;

/** An upload that waits for its name, and what is to be committed with it, given what the upload answers. */
export interface StagedArtifact {
  readonly staged: ArtifactInfo;
  readonly also?: (answer: UploadedArtifact) => Promise<readonly Change[]>;
}

/**
 * Gives a staged upload its name among an image's artifacts. Of one that is linked only the same bytes are taken, and
 * nothing changes. @throws `conflict` for others, `lost-race`: to be tried again
 */
export async function placeArtifact(
  ports: CorePorts,
  bucket: string,
  id: string,
  name: ArtifactName,
  { staged, also = async () => [] }: StagedArtifact,
): Promise<UploadedArtifact> {
  const stored = await ports.journals.getSettled("image", id);
  const { link } = stored.value;
  if (link !== null) {
    const answer = answerOf(name, staged, await equalObject(ports, link, name, staged));
    await ports.records.commit(await also(answer));
    await discardStaged(ports, staged);
    return answer;
  }
  const to = partAddress(bucket, id, name);
  const answer = answerOf(name, staged, { ...staged, ...to });
  const move = { do: "move", from: { bucket, key: staged.key }, to } as const;
  await placeObject(ports, stored, stored.value, move, await also(answer));
  return answer;
}

async function equalObject(
  { artifacts }: CorePorts,
  link: Link,
  name: ArtifactName,
  staged: ArtifactInfo,
): Promise<ArtifactInfo> {
  const manifest = await readManifest(artifacts, link);
  const entry = manifest?.artifacts.find(({ type }) => type === ARTIFACT_TYPES[name]);
  const info = entry === undefined ? undefined : await artifacts.stat(addressOf(entry.link));
  if (info?.sha256 === undefined || info.sha256 !== staged.sha256) throw linkConflict();
  return info;
}

function answerOf(
  name: ArtifactName,
  { md5, sha256, size }: ArtifactInfo,
  info: ArtifactInfo,
): UploadedArtifact {
  const { type, link } = manifestEntry(ARTIFACT_TYPES[name], info);
  return { type, size, link, ...known({ md5, sha256 }) };
}
