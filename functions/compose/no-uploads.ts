import { DomainError } from "../../core/errors.ts";
import type { PartReceiver, UploadSessions } from "../../core/ports/upload-sessions.ts";

/** For a store that takes an object as a whole only: there are no uploads in parts, and none can be begun. */
export function noUploads(): { readonly uploads: UploadSessions; readonly parts: PartReceiver } {
  const none = async (): Promise<never> => {
    throw new DomainError("not-found", "There is no such upload.");
  };
  return {
    uploads: {
      async open() {
        throw new DomainError(
          "invalid",
          "Where objects are kept in S3 they are not taken in parts: send the whole by its signed URL.",
        );
      },
      signParts: none,
      parts: none,
      assemble: none,
      async discard() {
        // There is nothing that it could hold.
      },
      async *pending() {
        // None.
      },
    },
    parts: { verifyPart: () => "forged", takePart: none },
  };
}
