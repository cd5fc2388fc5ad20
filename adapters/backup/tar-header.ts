import { DomainError } from "../../core/errors.ts";

export const BLOCK_BYTES = 512;
/** Eleven octal digits hold so much; larger sizes are binary, as GNU tar writes and reads them. */
const MOST_OCTAL = 8 ** 11 - 1;
const NAME_BYTES = 100;
const SIZE_AT = 124;
const SIZE_BYTES = 12;
const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;
const BINARY = 0x80;

/** Header of a plain file. `modified` in seconds. Names are short and ASCII. */
export function tarHeader(name: string, size: number, modified: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  if (Buffer.byteLength(name) >= NAME_BYTES) throw new Error("The name is too long for a tar header.");
  header.write(name, 0);
  header.write("0000600\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  if (size <= MOST_OCTAL) header.write(octal(size, SIZE_BYTES), SIZE_AT);
  else {
    header[SIZE_AT] = BINARY;
    header.writeBigUInt64BE(BigInt(size), SIZE_AT + 4);
  }
  header.write(octal(modified, 12), 136);
  header.write("0", 156);
  header.write("ustar\x0000", 257);
  header.write(octal(checksum(header), 7), CHECKSUM_AT);
  header.write(" ", CHECKSUM_AT + 7);
  return header;
}

/** `undefined` at the archive's end. @throws `invalid` for what is no header of a plain file */
export function readTarHeader(header: Buffer): { name: string; size: number } | undefined {
  if (header.every((byte) => byte === 0)) return undefined;
  const told = Number.parseInt(header.toString("latin1", CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_BYTES), 8);
  const type = header.toString("latin1", 156, 157);
  if (told !== checksum(header) || (type !== "0" && type !== "\0"))
    throw new DomainError("invalid", "This is no backup, or it is damaged: a tar header is wrong.");
  const end = header.indexOf(0);
  return { name: header.toString("utf8", 0, Math.min(end, NAME_BYTES)), size: sizeIn(header) };
}

export const paddingOf = (size: number): number => (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;

function sizeIn(header: Buffer): number {
  if (header[SIZE_AT] === BINARY) return Number(header.readBigUInt64BE(SIZE_AT + 4));
  return Number.parseInt(header.toString("latin1", SIZE_AT, SIZE_AT + SIZE_BYTES), 8);
}

const octal = (number: number, length: number): string => `${number.toString(8).padStart(length - 1, "0")}\0`;

/** Of all bytes, those of the checksum itself counted as spaces. */
function checksum(header: Buffer): number {
  let sum = 0;
  for (const [at, byte] of header.entries())
    sum += at >= CHECKSUM_AT && at < CHECKSUM_AT + CHECKSUM_BYTES ? 32 : byte;
  return sum;
}
