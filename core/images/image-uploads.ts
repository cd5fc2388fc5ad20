import { addressOf, type Link } from "../artifacts/link.ts";
import { linkConflict } from "../artifacts/link-change.ts";
import { ARTIFACT_TYPES, manifestEntry, readManifest } from "../artifacts/manifest.ts";
import {
  discardStaged,
  discardUnlessNeeded,
  stageUpload,
  type UploadExpectation,
} from "../artifacts/staging.ts";
import { getStored } from "../collection.ts";
import type { ArtifactInfo } from "../ports/artifacts.ts";
import type { CorePorts } from "../core-ports.ts";
import { reapply } from "../retry.ts";
import type { Settings } from "../settings.ts";
import type { Image } from "./image.ts";
import type { ImageArtifact } from "./image-artifacts.ts";
import { linkUploads, placeObject } from "./link-uploads.ts";
import { type ArtifactName, partAddress } from "./uploaded-parts.ts";

/** Brings an image that was built elsewhere into the store: its artifacts one by one, then the manifest. */
export interface ImageUploads {
  /**
   * Stores one artifact; until the image is linked another one may replace it.
   * @throws `conflict` when the image is linked already and has other bytes there.
   */
  put(
    imageId: string,
    name: ArtifactName,
    source: AsyncIterable<Uint8Array>,
    expect: UploadExpectation,
  ): Promise<Omit<ImageArtifact, "name">>;
  /** Writes the manifest over what was uploaded and links the image to it; an image that is linked stays as it is. */
  link(imageId: string): Promise<Image>;
}

export function createImageUploads(ports: CorePorts, settings: Settings): ImageUploads {
  const { records, artifacts } = ports;
  const bucket = settings.buckets.images;

  async function placeStaged(id: string, name: ArtifactName, staged: ArtifactInfo): Promise<ArtifactInfo> {
    const stored = await ports.journals.getSettled("image", id);
    const to = partAddress(bucket, id, name);
    if (stored.value.link !== null) return await acceptEqualBytes(stored.value.link, name, staged);
    const move = { do: "move", from: { bucket, key: staged.key }, to } as const;
    await placeObject(ports, stored, stored.value, move);
    return { ...staged, ...to };
  }

  async function acceptEqualBytes(
    link: Link,
    name: ArtifactName,
    staged: ArtifactInfo,
  ): Promise<ArtifactInfo> {
    const manifest = await readManifest(artifacts, link);
    const entry = manifest?.artifacts.find(({ type }) => type === ARTIFACT_TYPES[name]);
    const info = entry === undefined ? undefined : await artifacts.stat(addressOf(entry.link));
    if (info?.sha256 === undefined || info.sha256 !== staged.sha256) throw linkConflict();
    await discardStaged(ports, staged);
    return info;
  }

  async function put(
    id: string,
    name: ArtifactName,
    source: AsyncIterable<Uint8Array>,
    expect: UploadExpectation,
  ) {
    await getStored(records, "image", id);
    const maxBytes = settings.uploads.maxArtifactBytes;
    const contentType = "application/octet-stream";
    const staged = await stageUpload(ports, bucket, source, { ...expect, contentType, maxBytes });
    try {
      const info = await reapply(ports, () => placeStaged(id, name, staged));
      const { type, link } = manifestEntry(ARTIFACT_TYPES[name], info);
      const { md5, sha256, size } = staged;
      return {
        type,
        size,
        link,
        ...(md5 === undefined ? {} : { md5 }),
        ...(sha256 === undefined ? {} : { sha256 }),
      };
    } catch (error) {
      await discardUnlessNeeded(ports, staged, error);
      throw error;
    }
  }

  return { put, link: (id) => linkUploads(ports, bucket, id) };
}
