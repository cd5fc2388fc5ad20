import { DomainError } from "../../core/errors.ts";
import type {
  PartedUpload,
  PartReceiver,
  SignedPart,
  SignedPartClaim,
  UploadSessions,
} from "../../core/ports/upload-sessions.ts";
import { MOST_PARTS } from "../../core/uploads/parts.ts";
import { checkLifetime } from "./address.ts";
import type { SignedUrlsConfig } from "./files/signed-url.ts";

type SignedParts = Pick<UploadSessions, "signParts"> & Pick<PartReceiver, "verifyPart">;

/** URLs of the form `<public URL>/signed-parts/<upload>/<number>?expires=<epoch seconds>&signature=<base64url>`. */
export function createSignedParts({ signer, publicUrl, clock }: SignedUrlsConfig): SignedParts {
  function sign({ id }: PartedUpload, number: number, expires: number): SignedPart {
    checkPartNumber(number);
    const query = new URLSearchParams({
      expires: String(expires),
      signature: signer.sign(signedText({ id, number, expires })),
    });
    const url = `${publicUrl()}/signed-parts/${id}/${number}?${query.toString()}`;
    return { number, url, expires_at: new Date(expires * 1000).toISOString() };
  }

  return {
    async signParts(upload, numbers, lifetime) {
      checkLifetime(lifetime);
      const expires = Math.floor(clock.now() / 1000) + lifetime;
      return numbers.map((number) => sign(upload, number, expires));
    },
    verifyPart(claim) {
      if (!signer.verify(signedText(claim), claim.signature)) return "forged";
      return clock.now() < claim.expires * 1000 ? "ok" : "expired";
    },
  };
}

/** JSON parts the members without doubt; the first keeps these signatures apart from others made with the same secret. */
function signedText({ id, number, expires }: Omit<SignedPartClaim, "signature">): string {
  return JSON.stringify(["ims signed part 1", id, number, expires]);
}

/** @throws `invalid` unless it is 1 to 10,000, as S3 has it. */
export function checkPartNumber(number: number): void {
  if (!Number.isInteger(number) || number < 1 || number > MOST_PARTS)
    throw new DomainError("invalid", `Parts have numbers from 1 to ${MOST_PARTS}.`);
}

export function noSuchUpload(cause?: unknown): DomainError {
  return new DomainError("not-found", "There is no such upload: it has ended, or its store gave it up.", {
    cause,
  });
}

export function sameParts(
  some: readonly { readonly etag: string; readonly size: number }[],
  others: readonly { readonly etag: string; readonly size: number }[],
): boolean {
  return (
    some.length === others.length &&
    some.every(({ etag, size }, index) => etag === others[index]?.etag && size === others[index]?.size)
  );
}

export function partsChanged(): DomainError {
  return new DomainError("lost-race", "Other parts came while the upload was being completed.");
}

export function takenNoMore(): DomainError {
  return new DomainError("conflict", "This upload takes no more parts: it is being completed, or has ended.");
}
