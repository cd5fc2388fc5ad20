import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { DomainError } from "../../core/errors.ts";
import type { Signer } from "../../core/ports/signer.ts";

/** Fewer bytes than the digest has would make the secret the weaker part. */
export const LEAST_SECRET_BYTES = 32;

/** @param secret at least 32 bytes; a copy is kept, so that the caller may wipe its own. */
export function createHmacSigner(secret: Uint8Array): Signer {
  if (secret.length < LEAST_SECRET_BYTES)
    throw new DomainError("unavailable", `A secret of at least ${LEAST_SECRET_BYTES} bytes is needed.`);
  const kept = Uint8Array.from(secret);
  const sign = (text: string): string => createHmac("sha256", kept).update(text).digest("base64url");
  return {
    digest: (text) => createHash("sha256").update(text).digest("hex"),
    sign,
    verify(text, signature) {
      const expected = Buffer.from(sign(text));
      const given = Buffer.from(signature);
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
}
