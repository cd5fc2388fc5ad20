import type { ARTIFACT_TYPES } from "../artifacts/manifest.ts";
import type { ArtifactAddress, ArtifactInfo, Artifacts } from "../ports/artifacts.ts";

/** What clients may upload; a list of packages is made by jobs alone. */
export type ArtifactName = Exclude<keyof typeof ARTIFACT_TYPES, "packages">;

/** Names under which an image's artifacts are stored, in the order in which a manifest lists them. */
export const ARTIFACT_NAMES: readonly ArtifactName[] = [
  "rootfs",
  "kernel",
  "initrd",
  "boot_parameters",
  "debug_kernel",
];

export function partAddress(
  bucket: string,
  imageId: string,
  name: ArtifactName | "manifest.json",
): ArtifactAddress {
  return { bucket, key: `${imageId}/${name}` };
}

export interface UploadedPart {
  readonly name: ArtifactName;
  readonly info: ArtifactInfo;
}

/** What has been uploaded for an image that is not linked yet. */
export async function uploadedParts(
  artifacts: Artifacts,
  bucket: string,
  imageId: string,
): Promise<UploadedPart[]> {
  const found = await Promise.all(
    ARTIFACT_NAMES.map(async (name) => ({
      name,
      info: await artifacts.stat(partAddress(bucket, imageId, name)),
    })),
  );
  return found.flatMap(({ name, info }) => (info === undefined ? [] : [{ name, info }]));
}
