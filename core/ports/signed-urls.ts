import type { ArtifactAddress, SignedMethod } from "./artifacts.ts";

/** What a signed URL says, with the key percent-decoded. */
export interface SignedUrlClaim extends ArtifactAddress {
  readonly method: SignedMethod;
  /** Seconds since the epoch. */
  readonly expires: number;
  readonly signature: string;
}

/** `forged`: the signature is not ours, or not for this method, object and time; known before `expired` is looked at. */
export type SignedUrlVerdict = "ok" | "expired" | "forged";

/** Judges the URLs that `Artifacts.signUrl` answered, where the service itself serves the objects. */
export interface SignedUrlVerifier {
  verify(claim: SignedUrlClaim): SignedUrlVerdict;
}
