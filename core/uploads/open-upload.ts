import { ARTIFACT_CONTENT } from "../images/image-uploads.ts";
import { ARCHIVE_CONTENT } from "../recipes/recipe-archives.ts";
import { PARTED_PREFIX } from "../artifacts/staging.ts";
import { isoTime } from "../collection.ts";
import type { CorePorts } from "../core-ports.ts";
import { DomainError, isDomainError } from "../errors.ts";
import type { ArtifactAddress } from "../ports/artifacts.ts";
import type { OpenOptions } from "../ports/upload-sessions.ts";
import type { Settings } from "../settings.ts";
import { largestOf } from "./complete-upload.ts";
import { MOST_PARTS, partBytesFor } from "./parts.ts";
import { known, type Said } from "./said.ts";
import { partedUpload, type Target, type UploadSession } from "./upload-session.ts";

export interface UploadOrder extends Said {
  readonly id: string;
  readonly target: Target;
  /** Bytes of all parts but the last; the service chooses when it is absent. */
  readonly partBytes?: number | undefined;
  /** Where the object is to be until it gets its name; a place of its own without a word. */
  readonly address?: ArtifactAddress;
  readonly options?: OpenOptions;
}

/**
 * Opens a session in the store and then in the records: what a crash leaves between is found by the sweep.
 * @throws `too-large`, `invalid` for a size that does not fit
 */
export async function openUpload(
  ports: CorePorts,
  settings: Settings,
  order: UploadOrder,
): Promise<UploadSession> {
  const { id, target } = order;
  const partBytes = partBytesOf(settings, order);
  const bucket = target.of === "recipe" ? settings.buckets.recipes : settings.buckets.images;
  const address = order.address ?? { bucket, key: `${PARTED_PREFIX}${id}` };
  const contentType = target.of === "recipe" ? ARCHIVE_CONTENT : ARTIFACT_CONTENT;
  const handle = await ports.uploads.open({ id, address, partBytes }, order.options ?? { contentType });
  const now = ports.clock.now();
  const session: UploadSession = {
    id,
    created: isoTime(now),
    expires_at: isoTime(now + settings.uploads.sessionSeconds * 1000),
    target,
    part_size: partBytes,
    ...known(order),
    state: "open",
    storage: { ...address, handle },
  };
  try {
    await ports.records.commit([{ op: "insert", kind: "upload-session", id, value: session }]);
  } catch (error) {
    if (isDomainError(error, "lost-race")) await giveBack(ports, session);
    throw error;
  }
  return session;
}

/** What was opened beside the session that was faster, unless the store has one for both. */
async function giveBack({ records, uploads }: CorePorts, session: UploadSession): Promise<void> {
  const kept = await records.get("upload-session", session.id);
  if (kept?.value.storage.handle !== session.storage.handle) await uploads.discard(partedUpload(session));
}

function partBytesOf(settings: Settings, { target, size, partBytes }: UploadOrder): number {
  const largest = largestOf(settings, { target });
  if (size !== undefined && size > largest)
    throw new DomainError("too-large", `The content may have at most ${largest} bytes.`);
  if (size !== undefined && partBytes !== undefined && size > partBytes * MOST_PARTS)
    throw new DomainError("invalid", `So many bytes do not fit into ${MOST_PARTS} parts of this size.`);
  return partBytes ?? partBytesFor(size ?? largest);
}
