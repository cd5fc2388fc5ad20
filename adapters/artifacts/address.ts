import { DomainError } from "../../core/errors.ts";
import type { ArtifactAddress } from "../../core/ports/artifacts.ts";

const MOST_KEY_BYTES = 1024;

/** @throws `invalid` for an address that S3, or a store like it, would not take either. */
export function checkAddress({ bucket, key }: ArtifactAddress): void {
  checkBucket(bucket);
  checkText(key);
  if (/^\/*$/u.test(key)) throw new DomainError("invalid", "An object's key has more in it than slashes.");
  const bytes = Buffer.byteLength(key);
  if (bytes > MOST_KEY_BYTES)
    throw new DomainError("invalid", `An object's key has 1 to ${MOST_KEY_BYTES} bytes of UTF-8.`);
}

/** Buckets are named as S3 names them: 3 to 63 of `a-z 0-9 - .`, letters or digits at both ends, no two dots together. */
export function checkBucket(bucket: string): void {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/u.test(bucket) || bucket.includes(".."))
    throw new DomainError("invalid", "No bucket can have this name.");
}

/** A lone surrogate has no UTF-8: two such keys would become one. */
export function checkText(key: string): void {
  if (!key.isWellFormed()) throw new DomainError("invalid", "An object's key must be well-formed Unicode.");
}

const LONGEST_SECONDS = 604_800;

/** @throws `invalid` unless it is 1 to 604,800 seconds, as S3 has it. */
export function checkLifetime(seconds: number): void {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > LONGEST_SECONDS)
    throw new DomainError("invalid", `A signed URL lasts 1 to ${LONGEST_SECONDS} seconds.`);
}

/** Clients resolve `.` and `..` before they send a path, also as `%2e`. @throws `invalid` for a key with such a segment */
export function checkUrlKey({ key }: ArtifactAddress): void {
  if (key.split("/").some((segment) => segment === "." || segment === ".."))
    throw new DomainError("invalid", "No URL can name an object whose key has a dot segment.");
}
