import * as v from "valibot";
import { DomainError } from "../../core/errors.ts";
import type { ArtifactAddress, SignedMethod } from "../../core/ports/artifacts.ts";
import type { SignedUrlVerdict, SignedUrlVerifier } from "../../core/ports/signed-urls.ts";

const only = v.pipe(
  v.tuple([v.string()]),
  v.transform(([value]) => value),
  v.string(),
);

export const SignedQuery = v.object({ expires: only, signature: only });

/** The object that a signed URL is good for. @throws `forbidden` when it is forged or has expired. */
export function signedAddress(
  verifier: SignedUrlVerifier,
  method: SignedMethod,
  { bucket, key }: ArtifactAddress,
  { expires, signature }: v.InferOutput<typeof SignedQuery>,
): ArtifactAddress {
  refuseUnless(verifier.verify({ method, bucket, key, expires: Number(expires), signature }));
  return { bucket, key };
}

/** @throws `forbidden` for a URL that is forged or has expired. */
export function refuseUnless(verdict: SignedUrlVerdict): void {
  if (verdict === "expired") throw new DomainError("forbidden", "This URL has expired. Ask for a new one.");
  if (verdict === "forged") throw new DomainError("forbidden", "This URL's signature is not right.");
}
