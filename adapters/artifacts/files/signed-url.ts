import type { ArtifactAddress, Artifacts, SignedMethod } from "../../../core/ports/artifacts.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { SignedUrlClaim, SignedUrlVerdict, SignedUrlVerifier } from "../../../core/ports/signed-urls.ts";
import type { Signer } from "../../../core/ports/signer.ts";
import { checkAddress, checkLifetime, checkUrlKey } from "../address.ts";

export interface SignedUrlsConfig {
  readonly signer: Signer;
  /** Where the service is reached, without a slash at the end; asked with each URL, as a port may be known late. */
  readonly publicUrl: () => string;
  readonly clock: Pick<Clock, "now">;
}

type SignedUrls = Pick<Artifacts, "signUrl"> & SignedUrlVerifier;

/** URLs of the form `<public URL>/signed/<bucket>/<key>?method=..&expires=<epoch seconds>&signature=<base64url>`. */
export function createSignedUrls({ signer, publicUrl, clock }: SignedUrlsConfig): SignedUrls {
  return {
    async signUrl(method, address, lifetime) {
      checkAddress(address);
      checkUrlKey(address);
      checkLifetime(lifetime);
      const expires = Math.floor(clock.now() / 1000) + lifetime;
      const signature = signer.sign(signedText(method, address, expires));
      const query = new URLSearchParams({ method, expires: String(expires), signature });
      const url = `${publicUrl()}/signed/${address.bucket}/${urlPath(address.key)}?${query.toString()}`;
      const expires_at = new Date(expires * 1000).toISOString();
      return { method, url, expires_at, ...(method === "PUT" ? { answersDigests: true } : {}) };
    },
    verify: (claim) => judge(claim, signer, clock.now()),
  };
}

/** `now` in milliseconds since the epoch. */
export function judge(claim: SignedUrlClaim, signer: Signer, now: number): SignedUrlVerdict {
  const { method, expires, signature } = claim;
  if (!signer.verify(signedText(method, claim, expires), signature)) return "forged";
  return now < expires * 1000 ? "ok" : "expired";
}

/** JSON parts the members without doubt; the first keeps these signatures apart from others made with the same secret. */
function signedText(method: SignedMethod, { bucket, key }: ArtifactAddress, expires: number): string {
  return JSON.stringify(["ims signed URL 1", method, bucket, key, expires]);
}

const urlPath = (key: string): string => encodeURIComponent(key).replaceAll("%2F", "/");
