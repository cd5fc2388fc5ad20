import type { CorePorts } from "../core-ports.ts";
import { isDomainError } from "../errors.ts";
import { partedUpload, type UploadSession } from "./upload-session.ts";

/**
 * Gives back what a session holds that has ended. Where that cannot be done now, the sweep does it.
 * @param object whether what was made of the parts goes too: it has got no name
 */
export async function discardUpload(
  ports: CorePorts,
  session: UploadSession,
  object?: "object too",
): Promise<void> {
  const upload = partedUpload(session);
  try {
    await ports.uploads.discard(upload);
    if (object !== undefined) await ports.artifacts.remove(upload.address);
  } catch (error) {
    const passing = isDomainError(error, "unavailable") || isDomainError(error, "storage-full");
    if (!passing) throw error;
    ports.telemetry.emit({ event: "upload-kept", level: "warn", id: session.id, reason: String(error) });
  }
}
