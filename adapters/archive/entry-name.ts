import { DomainError } from "../../core/errors.ts";

const MAX_SEGMENT_BYTES = 255;
/** Leaves room for the work folder within the kernel's 4,096. */
const MAX_NAME_BYTES = 3072;

export function refuse(reason: string): DomainError {
  return new DomainError("invalid", reason);
}

/** A name of an archive in words for a message: short, and in one line. */
export function shown(name: string): string {
  const short = name.length > 120 ? `${name.slice(0, 117)}...` : name;
  return JSON.stringify(short);
}

/**
 * The segments of an entry's name; none for the archive's own top folder.
 * @throws `invalid` for a name that is absolute, climbs, or cannot exist.
 */
export function entrySegments(name: string): readonly string[] {
  if (name.startsWith("/")) throw refuse(`The archive has an absolute name: ${shown(name)}.`);
  if (name.includes("\0")) throw refuse(`The archive has a name with a zero byte: ${shown(name)}.`);
  if (Buffer.byteLength(name) > MAX_NAME_BYTES)
    throw refuse(`The archive has a name that is too long: ${shown(name)}.`);
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  for (const segment of segments) {
    if (segment === "..") throw refuse(`The archive has a name that climbs out of it: ${shown(name)}.`);
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)
      throw refuse(`The archive has a name that is too long: ${shown(name)}.`);
  }
  return segments;
}
