/** Digests and signatures with the service's secret, which never leaves the adapter. */
export interface Signer {
  /** SHA-256 of the text, lower-case hex. */
  digest(text: string): string;
  /** HMAC-SHA-256 of the text with the service's secret, base64url. Every process with the secret computes the same. */
  sign(text: string): string;
  /** Whether `signature` is what `sign` answers for the text, compared in constant time. */
  verify(text: string, signature: string): boolean;
}
