import { DomainError } from "../../core/errors.ts";
import type { PartedUpload, PartReceiver } from "../../core/ports/upload-sessions.ts";
import { inChunks } from "./artifact-content.ts";

const STATUS: Readonly<Record<string, number>> = { forbidden: 403, "not-found": 404, conflict: 409 };

/** Puts parts where a service would take them, for stores that have no door of their own; answers the status. */
export function partDoor(receiver: PartReceiver, partBytes: number) {
  return async (href: string, bytes: Uint8Array<ArrayBuffer>): Promise<number> => {
    const url = new URL(href);
    const [, id = "", number = ""] = /\/signed-parts\/([^/]+)\/([^/]+)$/u.exec(url.pathname) ?? [];
    const claim = {
      id,
      number: Number(number),
      expires: Number(url.searchParams.get("expires")),
      signature: url.searchParams.get("signature") ?? "",
    };
    if (receiver.verifyPart(claim) !== "ok") return 403;
    const upload: PartedUpload = {
      id,
      address: { bucket: "ims", key: `uploads/${id}` },
      handle: id,
      partBytes,
    };
    try {
      await receiver.takePart(upload, claim.number, inChunks(bytes));
      return 204;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      return STATUS[error.code] ?? 500;
    }
  };
}
