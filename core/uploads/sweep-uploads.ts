import { listStored } from "../collection.ts";
import type { CorePorts } from "../core-ports.ts";
import { isDomainError } from "../errors.ts";
import type { Stored } from "../ports/records.ts";
import type { PendingUpload } from "../ports/upload-sessions.ts";
import { replaced } from "./complete-upload.ts";
import { discardUpload } from "./end-upload.ts";
import { after, isForgettable, isLive, partedUpload, type UploadSession } from "./upload-session.ts";

/** What the store holds without a record may be of a session that is being opened; nobody takes so long. */
const OPENING_MS = 3_600_000;

/**
 * Ends sessions whose time is over or whose job is, gives back what ended ones still hold, and forgets them in the end.
 * Then what the store holds for sessions that no record knows. Ends early by the signal.
 */
export async function sweepUploads(
  ports: CorePorts,
  buckets: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  for (const stored of await listStored(ports.records, "upload-session")) {
    if (signal?.aborted === true) return;
    await sweepOne(ports, stored).catch((error: unknown) => {
      if (!isDomainError(error, "lost-race")) throw error;
    });
  }
  for (const bucket of new Set(buckets))
    for await (const pending of ports.uploads.pending(bucket)) {
      if (signal?.aborted === true) return;
      if (await isLeftBehind(ports, pending)) await ports.uploads.discard(pending);
    }
}

async function isLeftBehind({ records, clock }: CorePorts, { id, opened }: PendingUpload): Promise<boolean> {
  const session = (await records.get("upload-session", id))?.value;
  return session === undefined ? opened < clock.now() - OPENING_MS : !isLive(session);
}

async function sweepOne(ports: CorePorts, stored: Stored<"upload-session">): Promise<void> {
  const session = stored.value;
  const now = ports.clock.now();
  if (isLive(session)) {
    const event = (await isWanted(ports, session)) ? "expire" : "abort";
    const ended = after(session, { do: event }, now);
    if (ended === undefined) return;
    await ports.records.commit([replaced(stored, ended)]);
    await discardUpload(ports, session, (await keepsObject(ports, session)) ? undefined : "object too");
    return;
  }
  if (!isForgettable(session, now)) return;
  // Once more: a part that was on its way when it ended may have come after that.
  await ports.uploads.discard(partedUpload(session));
  await ports.records.commit([
    { op: "remove", kind: "upload-session", id: stored.id, version: stored.version },
  ]);
}

/** Of a job, while the attempt goes on that opened it. */
async function isWanted({ records }: CorePorts, { target }: UploadSession): Promise<boolean> {
  if (target.of !== "job") return true;
  const activity = (await records.get("job-activity", target.job))?.value;
  return activity?.attempt === target.attempt && activity.state !== "releasing";
}

/** An agent's upload goes to its final place, which an image may have by now. */
async function keepsObject({ records }: CorePorts, { target }: UploadSession): Promise<boolean> {
  if (target.of !== "job") return false;
  const job = (await records.get("job", target.job))?.value;
  return job !== undefined && job.resultant_image_id === job.planned_image_id;
}
