import { notFound } from "./errors.ts";
import type { Json } from "./json.ts";
import type { Records, Stored } from "./ports/records.ts";
import type { RecordKind, RecordValue } from "./records.ts";

/** @throws `not-found` */
export async function getStored<K extends RecordKind>(
  records: Records,
  kind: K,
  id: string,
): Promise<Stored<K>> {
  const found = await records.get(kind, id);
  if (found === undefined) throw notFound();
  return found;
}

/** @throws `not-found` */
export async function getJson<K extends RecordKind>(
  records: Records,
  kind: K,
  id: string,
): Promise<Json<RecordValue<K>>> {
  const found = await records.getJson(kind, id);
  if (found === undefined) throw notFound();
  return found;
}

/** Every record of a kind in creation order, over all pages. */
export async function listStored<K extends RecordKind>(records: Records, kind: K): Promise<Stored<K>[]> {
  const all: Stored<K>[] = [];
  let after: string | undefined;
  do {
    const page = await records.list(kind, after === undefined ? {} : { after });
    for (const record of page.records) all.push(record);
    after = page.next;
  } while (after !== undefined);
  return all;
}

export async function listValues<K extends RecordKind>(records: Records, kind: K): Promise<RecordValue<K>[]> {
  return (await listStored(records, kind)).map((stored) => stored.value);
}

/** UTC, ISO 8601 with milliseconds and Z. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
