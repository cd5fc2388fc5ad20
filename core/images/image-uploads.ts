import { discardUnlessNeeded, stageUpload, type UploadExpectation } from "../artifacts/staging.ts";
import { getStored } from "../collection.ts";
import type { CorePorts } from "../core-ports.ts";
import { reapply } from "../retry.ts";
import type { Settings } from "../settings.ts";
import type { Image } from "./image.ts";
import { linkUploads } from "./link-uploads.ts";
import { placeArtifact, type UploadedArtifact } from "./place-artifact.ts";
import type { ArtifactName } from "./uploaded-parts.ts";

export const ARTIFACT_CONTENT = "application/octet-stream";

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
  ): Promise<UploadedArtifact>;
  /** Writes the manifest over what was uploaded and links the image to it; an image that is linked stays as it is. */
  link(imageId: string): Promise<Image>;
}

export function createImageUploads(ports: CorePorts, settings: Settings): ImageUploads {
  const bucket = settings.buckets.images;

  async function put(
    id: string,
    name: ArtifactName,
    source: AsyncIterable<Uint8Array>,
    expect: UploadExpectation,
  ) {
    await getStored(ports.records, "image", id);
    const maxBytes = settings.uploads.maxArtifactBytes;
    const staged = await stageUpload(ports, bucket, source, {
      ...expect,
      contentType: ARTIFACT_CONTENT,
      maxBytes,
    });
    try {
      return await reapply(ports, () => placeArtifact(ports, bucket, id, name, { staged }));
    } catch (error) {
      await discardUnlessNeeded(ports, staged, error);
      throw error;
    }
  }

  return { put, link: (id) => linkUploads(ports, bucket, id) };
}
