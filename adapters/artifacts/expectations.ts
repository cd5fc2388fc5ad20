import { DomainError } from "../../core/errors.ts";
import type { ArtifactInfo, ByteRange, WriteOptions } from "../../core/ports/artifacts.ts";

/** What was found out of a content on its way in. Digests are lower-case hex. */
export interface Content {
  readonly size: number;
  readonly md5: string;
  readonly sha256: string;
}

/** To be asked while bytes come in, so that a source without end is left early. @throws `too-large`, `invalid` */
export function checkSizeSoFar(size: number, { maxBytes, expect }: WriteOptions): void {
  if (maxBytes !== undefined && size > maxBytes)
    throw new DomainError("too-large", `The content is larger than ${maxBytes} bytes.`);
  if (expect?.size !== undefined && size > expect.size)
    throw new DomainError("invalid", `The content is larger than the ${expect.size} bytes announced.`);
}

/** @throws `invalid` */
export function checkContent(content: Content, { expect }: WriteOptions): void {
  for (const what of ["size", "md5", "sha256"] as const) {
    const expected = expect?.[what];
    if (expected !== undefined && expected !== content[what])
      throw new DomainError("invalid", `The content's ${what} is ${content[what]}, not ${expected}.`);
  }
}

/** The bytes to be read: all of them without a range. @throws `range-not-satisfiable` */
export function bytesToRead({ size }: ArtifactInfo, range: ByteRange | undefined): ByteRange {
  if (range === undefined) return { start: 0, end: size - 1 };
  const { start, end } = range;
  const fits = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end < size;
  if (!fits) throw new DomainError("range-not-satisfiable", `The object has ${size} bytes.`);
  return range;
}

export function sameContent(info: Partial<Content>, content: Content): boolean {
  return info.size === content.size && info.md5 === content.md5 && info.sha256 === content.sha256;
}

export function takenAlready(): DomainError {
  return new DomainError("conflict", "There is an object with other content under this address already.");
}
