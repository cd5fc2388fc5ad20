/**
 * A program that sends the parts of an upload that are not there yet, slowly enough to be killed in the middle of one:
 * `node part-sender.ts <service URL> <upload> <file>`. Prints the number of each part that was answered.
 */
import { open, stat } from "node:fs/promises";
import process from "node:process";
import * as v from "valibot";
import { putStream } from "./put-stream.ts";

const [, , service = "", upload = "", file = ""] = process.argv;
const CHUNK_BYTES = 64 * 1024;

const Session = v.object({ part_size: v.number() });
const Parts = v.array(v.object({ part_number: v.number() }));
const Signed = v.pipe(
  v.tuple([v.object({ url: v.string() })]),
  v.transform(([signed]) => signed),
);

async function ask<T>(path: string, shape: v.GenericSchema<unknown, T>, body?: unknown): Promise<T> {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  const answer = await fetch(`${service}/v3/uploads/${upload}${path}`, body === undefined ? {} : init);
  return v.parse(shape, await answer.json());
}

const { part_size } = await ask("", Session);
const { size } = await stat(file);
const there = new Set((await ask("/parts", Parts)).map(({ part_number }) => part_number));
const source = await open(file);

async function* bytesOf(start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; at += CHUNK_BYTES) {
    const { buffer, bytesRead } = await source.read(
      Buffer.alloc(Math.min(CHUNK_BYTES, end - at)),
      0,
      null,
      at,
    );
    yield buffer.subarray(0, bytesRead);
  }
}

for (let number = 1; (number - 1) * part_size < size; number += 1) {
  if (there.has(number)) continue;
  const { url } = await ask("/parts", Signed, { part_numbers: [number] });
  const start = (number - 1) * part_size;
  const status = await putStream(url, bytesOf(start, Math.min(size, start + part_size)));
  if (status >= 300) throw new Error(`Part ${number} was answered ${status}.`);
  process.stdout.write(`${number}\n`);
}
await source.close();
