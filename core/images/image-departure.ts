import { type JournalStep, trashAddress } from "../artifacts/journal.ts";
import { addressOf, type Link, linkTo } from "../artifacts/link.ts";
import { MANIFEST_TYPE, manifestEntry, manifestText, readParts } from "../artifacts/manifest.ts";
import { releaseLink } from "../artifacts/link-claim.ts";
import { trashMove } from "../artifacts/return-moves.ts";
import type { Departure } from "../deleted/trash.ts";
import type { ArtifactAddress, Artifacts } from "../ports/artifacts.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Ports } from "../ports/index.ts";
import type { Image } from "./image.ts";
import { uploadedParts } from "./uploaded-parts.ts";

/** How an image leaves the live records: `depart` into the trash, `end` for good. Both read it anew. */
export interface ImageDeparture {
  readonly depart: (id: string, deleted: string) => Promise<Departure>;
  readonly end: (id: string, cascade: boolean) => Promise<Departure>;
}

export function createImageDeparture(ports: CorePorts, bucket: string): ImageDeparture {
  const { journals, artifacts } = ports;

  async function depart(id: string, deleted: string): Promise<Departure> {
    const live = await journals.getSettled("image", id);
    const { link, objects } = await imageDeparture(ports, bucket, live.value);
    return {
      changes: [
        { op: "remove", kind: "image", id, version: live.version },
        { op: "insert", kind: "deleted-image", id, value: { ...live.value, link, deleted } },
        ...(await releaseLink(ports, { kind: "image", id }, live.value.link)),
      ],
      objects,
    };
  }

  async function end(id: string, cascade: boolean): Promise<Departure> {
    const live = await journals.getSettled("image", id);
    return {
      changes: [
        { op: "remove", kind: "image", id, version: live.version },
        ...(await releaseLink(ports, { kind: "image", id }, live.value.link)),
      ],
      objects: cascade ? await doomedObjects(artifacts, bucket, live.value) : [],
    };
  }

  return { depart, end };
}

/**
 * What happens to an image's objects when it goes to the trash (behaviour 76 to 82): each moves under `deleted/`, and a
 * `deleted_manifest.json` says where they are. Without a readable manifest nothing moves and the link stays. Unlike the
 * original (behaviour 83) an artifact without md5 is listed too, so that it comes back.
 */
async function imageDeparture(
  ports: Pick<Ports, "artifacts" | "clock">,
  bucket: string,
  image: Image,
): Promise<{ readonly link: Link | null; readonly objects: JournalStep[] }> {
  if (image.link === null) return { link: null, objects: await uploadMoves(ports, bucket, image.id) };
  const named = await readParts(ports.artifacts, image.link);
  if (named === undefined) return { link: image.link, objects: [] };
  const parts = [...named, { type: MANIFEST_TYPE, md5: undefined, link: image.link }];
  const entries = [];
  const objects: JournalStep[] = [];
  for (const part of parts) {
    const move = await trashMove(ports.artifacts, addressOf(part.link));
    if (move === undefined) continue;
    const { type, link } = manifestEntry(part.type, { ...move.info, ...move.to });
    entries.push({ type, ...(part.md5 === undefined ? {} : { md5: part.md5 }), link });
    objects.push(move.step);
  }
  const to: ArtifactAddress = { bucket, key: `deleted/${image.id}/deleted_manifest.json` };
  const text = manifestText(entries, ports.clock.now());
  objects.push({ do: "write", to, contentType: "application/json", text });
  return { link: linkTo(to, ""), objects };
}

/** Uploads of an image that was never linked move along, so that it comes back with them. */
async function uploadMoves(
  { artifacts }: Pick<Ports, "artifacts">,
  bucket: string,
  imageId: string,
): Promise<JournalStep[]> {
  const parts = await uploadedParts(artifacts, bucket, imageId);
  return parts.map(({ info: { key } }) => ({
    do: "move",
    from: { bucket, key },
    to: trashAddress({ bucket, key }),
  }));
}

/** The manifest and all that it names, or what was uploaded of an image without link; of an unreadable manifest the original makes a stuck record (behaviour 106). */
async function doomedObjects(
  artifacts: Artifacts,
  bucket: string,
  { id, link }: Image,
): Promise<JournalStep[]> {
  if (link === null)
    return (await uploadedParts(artifacts, bucket, id)).map(({ info: { key } }) => ({
      do: "remove",
      at: { bucket, key },
    }));
  const named = await readParts(artifacts, link);
  if (named === undefined) return [];
  return [...named.map((part) => part.link), link].map((gone) => ({
    do: "remove",
    at: addressOf(gone),
  }));
}
