/** Memory that one upload's parts take turns in. */
export interface PartBuffer {
  bytes: Uint8Array<ArrayBuffer>;
  used: number;
}

const LEAST_BYTES = 64 * 1024;

/** As many bytes as the part may have at most; memory is taken as it fills. */
export function newBuffer(likely: number, most: number): PartBuffer {
  return { bytes: new Uint8Array(Math.max(1, Math.min(likely, most))), used: 0 };
}

/** Copies as much of the chunk as there is room for in a part of so many bytes; answers what is left over. */
export function fill(buffer: PartBuffer, chunk: Uint8Array, most: number): Uint8Array {
  const taken = chunk.subarray(0, most - buffer.used);
  const needed = buffer.used + taken.length;
  if (needed > buffer.bytes.length) grow(buffer, needed, most);
  buffer.bytes.set(taken, buffer.used);
  buffer.used = needed;
  return chunk.subarray(taken.length);
}

function grow(buffer: PartBuffer, needed: number, most: number): void {
  const larger = new Uint8Array(Math.min(most, Math.max(needed, buffer.bytes.length * 2, LEAST_BYTES)));
  larger.set(buffer.bytes.subarray(0, buffer.used));
  buffer.bytes = larger;
}
