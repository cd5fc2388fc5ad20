import { DomainError } from "../../core/errors.ts";

/** S3 takes 2 KiB of user metadata; what a store adds of its own fits beside this. */
const MOST_METADATA_BYTES = 1792;
/** What the S3 adapter says of an object's content. */
export const CONTENT_NAME = "ims-content";
/** As RFC 8187 marks it; such a value is a plain header's. */
const ENCODED = "UTF-8''";

/**
 * User metadata as it is stored, with lower-case names.
 * @throws `invalid` beyond 1,792 bytes as a header has them, and for a name that no header has
 */
export function checkMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value] as const);
  if (entries.some(([name]) => name === CONTENT_NAME || !/^[\w!#$%&'*+.^`|~-]+$/u.test(name)))
    throw new DomainError("invalid", "An object's metadata cannot have an entry of this name.");
  if (!entries.every(([, value]) => value.isWellFormed()))
    throw new DomainError("invalid", "An object's metadata must be well-formed Unicode.");
  const lengths = entries.map(([name, value]) => name.length + encodeValue(value).length);
  if (lengths.reduce((sum, length) => sum + length, 0) > MOST_METADATA_BYTES)
    throw new DomainError(
      "invalid",
      `An object's metadata has at most ${MOST_METADATA_BYTES} bytes, percent-encoded where it is not ASCII.`,
    );
  return Object.fromEntries(entries);
}

/** As a header can carry it: text that is not plain ASCII is percent-encoded and marked. */
export function encodeValue(value: string): string {
  const plain = /^[!-~](?:[ -~]*[!-~])?$/u.test(value) && !value.startsWith(ENCODED);
  return plain ? value : ENCODED + encodeURIComponent(value);
}

/** What others wrote, and looks encoded without being so, stays as it is. */
export function decodeValue(header: string): string {
  if (!header.startsWith(ENCODED)) return header;
  try {
    return decodeURIComponent(header.slice(ENCODED.length));
  } catch {
    return header;
  }
}
