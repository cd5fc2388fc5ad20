import type { FileHandle } from "node:fs/promises";
import * as v from "valibot";
import { DomainError } from "../../../core/errors.ts";

/**
 * An object is one file: its content, then what is known of it as JSON, then the length of that JSON. So one rename
 * stores or moves all of it at once, and ordinary tools read the content from the file's beginning.
 */
export const Description = v.object({
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  etag: v.string(),
  md5: v.exactOptional(v.string()),
  sha256: v.exactOptional(v.string()),
  contentType: v.string(),
  metadata: v.record(v.string(), v.string()),
  modified: v.pipe(v.string(), v.isoTimestamp()),
});
/** All of an object's facts but its address, which is the file's name. */
export type Description = v.InferOutput<typeof Description>;

const LENGTH_DIGITS = 8;
const MARK = "IMSOBJ1\n";
const END_BYTES = LENGTH_DIGITS + MARK.length;
/** Holds the whole trailer of nearly every object, so that one read is enough. */
const USUAL_BYTES = 4096;

export function encodeTrailer(description: Description): Buffer {
  const json = Buffer.from(`${JSON.stringify(description)}\n`);
  const length = json.length.toString(16).padStart(LENGTH_DIGITS, "0");
  return Buffer.concat([json, Buffer.from(`${length}${MARK}`)]);
}

/** @throws `unavailable` when the file is not an object's, or not all of it. */
export async function readTrailer(file: FileHandle): Promise<Description> {
  const { size: total } = await file.stat();
  const tail = await readTail(file, total, Math.min(total, USUAL_BYTES));
  const jsonBytes = readEnd(tail.subarray(-END_BYTES));
  if (jsonBytes + END_BYTES > total) throw damaged();
  const whole =
    jsonBytes + END_BYTES <= tail.length ? tail : await readTail(file, total, jsonBytes + END_BYTES);
  const description = parse(whole.subarray(-END_BYTES - jsonBytes, -END_BYTES).toString());
  if (description.size + jsonBytes + END_BYTES !== total) throw damaged();
  return description;
}

async function readTail(file: FileHandle, total: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, total - length);
  if (bytesRead !== length) throw damaged();
  return buffer;
}

function readEnd(end: Buffer): number {
  const found = /^([0-9a-f]{8})IMSOBJ1\n$/u.exec(end.toString("latin1"));
  if (found?.[1] === undefined) throw damaged();
  return Number.parseInt(found[1], 16);
}

function parse(json: string): Description {
  try {
    return v.parse(Description, JSON.parse(json));
  } catch (error) {
    throw damaged(error);
  }
}

function damaged(cause?: unknown): DomainError {
  return new DomainError("unavailable", "A stored object is damaged.", { cause });
}
