import type { JournalStep } from "../artifacts/journal.ts";
import { linkTo } from "../artifacts/link.ts";
import { claimLink } from "../artifacts/link-claim.ts";
import { ARTIFACT_TYPES, manifestEntry, manifestText } from "../artifacts/manifest.ts";
import { discardUnlessNeeded, stageUpload } from "../artifacts/staging.ts";
import { sourceOf } from "../artifacts/text.ts";
import { journalChanges } from "../deleted/trash.ts";
import { DomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Change, Stored } from "../ports/records.ts";
import { reapply } from "../retry.ts";
import type { Image } from "./image.ts";
import { partAddress, uploadedParts } from "./uploaded-parts.ts";

/**
 * Gives a staged object its name together with a new version of the image's record, which orders it before or after
 * every other change of the image, never beside one.
 */
export async function placeObject(
  ports: CorePorts,
  { id, version }: Stored<"image">,
  value: Image,
  move: JournalStep,
  also: readonly Change[] = [],
): Promise<void> {
  const journal = journalChanges(ports, id, [move]);
  await ports.records.commit([{ op: "replace", kind: "image", id, version, value }, ...also, ...journal]);
  await ports.journals.settle(id);
}

/** Writes the manifest over what was uploaded and links the image to it; an image that is linked stays as it is. */
export async function linkUploads(ports: CorePorts, bucket: string, id: string): Promise<Image> {
  return await reapply(ports, async () => {
    const stored = await ports.journals.getSettled("image", id);
    if (stored.value.link !== null) return stored.value;
    const parts = await uploadedParts(ports.artifacts, bucket, id);
    if (!parts.some(({ name }) => name === "rootfs"))
      throw new DomainError(
        "invalid",
        "This image has no rootfs yet. Upload it first: PUT .../artifacts/rootfs.",
      );
    const entries = parts.map(({ name, info }) => manifestEntry(ARTIFACT_TYPES[name], info));
    return await linkManifest(ports, bucket, stored, manifestText(entries, ports.clock.now()));
  });
}

/** The manifest is stored first, unseen, because the link needs its ETag. */
async function linkManifest(
  ports: CorePorts,
  bucket: string,
  stored: Stored<"image">,
  text: string,
): Promise<Image> {
  const body = new TextEncoder().encode(text);
  const contentType = "application/json";
  const staged = await stageUpload(ports, bucket, sourceOf(body), { contentType, maxBytes: body.length });
  const to = partAddress(bucket, stored.id, "manifest.json");
  const link = linkTo(to, staged.etag);
  const value = { ...stored.value, link };
  try {
    const move = { do: "move", from: { bucket, key: staged.key }, to } as const;
    const claim = await claimLink(ports, { kind: "image", id: stored.id }, link);
    await placeObject(ports, stored, value, move, [claim]);
  } catch (error) {
    await discardUnlessNeeded(ports, staged, error);
    throw error;
  }
  return value;
}
