import { text as textOf } from "node:stream/consumers";
import { Readable } from "node:stream";
import { listStored } from "../../../core/collection.ts";
import type { Bench } from "./stores.ts";

const KINDS = [
  "image",
  "recipe",
  "public-key",
  "job",
  "job-activity",
  "job-slot",
  "deleted-image",
  "deleted-recipe",
  "deleted-public-key",
  "remote-build-node",
  "link-claim",
  "object-journal",
] as const;

/**
 * Everything that the stores hold, in words that are the same for two services that were asked the same: ids are
 * numbered in the order in which records name them, times and what is computed of either are left out.
 */
export async function shapeOf({ direct, buckets }: Bench): Promise<string[]> {
  const name = createNames(buckets);
  const lines: string[] = [];
  const { records, artifacts, logs } = direct.ports;
  for (const kind of KINDS)
    for (const { value } of await listStored(records, kind))
      lines.push(name(`${kind} ${JSON.stringify(value)}`));
  const objects: string[] = [];
  for (const [role, bucket] of Object.entries(buckets))
    for await (const info of artifacts.list(bucket, "")) {
      const text = await textOf(Readable.from((await artifacts.read(info))?.body ?? []));
      objects.push(name(`object ${role} ${info.key} ${JSON.stringify(info.metadata)} ${text}`));
    }
  const said: string[] = [];
  for (const { id } of await listStored(records, "job"))
    said.push(name(`log ${id} ${JSON.stringify(await textOf(Readable.from(logs.read(id))))}`));
  return [...lines, ...objects.toSorted((a, b) => (a < b ? -1 : 1)), ...said];
}

function createNames(buckets: Bench["buckets"]): (text: string) => string {
  const numbers = new Map<string, string>();
  const numberOf = (id: string) => {
    const known = numbers.get(id) ?? `#${numbers.size}`;
    numbers.set(id, known);
    return known;
  };
  const roles = (text: string) =>
    Object.entries(buckets).reduce((now, [role, bucket]) => now.replaceAll(bucket, `<${role}>`), text);
  return (text) =>
    roles(text)
      .replaceAll(/\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|\+00:00)?/gu, "<time>")
      .replaceAll(/[\da-f]{64}/gu, "<sha256>")
      .replaceAll(/[\da-f]{32}(?![\da-f-])/gu, "<md5>")
      .replaceAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/gu, numberOf);
}
