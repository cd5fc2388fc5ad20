import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import { DomainError } from "../../../core/errors.ts";
import type { Row } from "../decode.ts";
import { type Item, readItem, readParts, type RecordItem, writtenKey } from "./items.ts";
import { idOf, type Key, partKey } from "./keys.ts";
import type { Store } from "./store.ts";

/** How often a record is read again that was replaced each time while its parts were read. */
const MOST_READS = 20;

export interface Reader {
  /** Strongly consistent. */
  row(key: Key): Promise<Row | undefined>;
  /** The rows of items that were read already, in their order; without those whose record is gone meanwhile. */
  rowsOf(items: readonly RecordItem[]): Promise<Row[]>;
}

export function createReader(store: Store): Reader {
  async function getItem(key: Key): Promise<Item | undefined> {
    const command = new GetItemCommand({
      TableName: store.table,
      Key: writtenKey(key),
      ConsistentRead: true,
    });
    return (await store.calls((abortSignal) => store.client.send(command, { abortSignal }))).Item;
  }

  async function read(key: Key): Promise<RecordItem | undefined> {
    const item = await getItem(key);
    return item === undefined ? undefined : seen(store, readItem(item));
  }

  /** `undefined` when the record was replaced since its item was read. */
  async function textOf({ key, content }: RecordItem): Promise<string | undefined> {
    if ("json" in content) return content.json;
    const keys = Array.from({ length: content.parts }, (_, part) => partKey(key, part));
    const items = (await Promise.all(keys.map(getItem))).filter((item) => item !== undefined);
    const bytes = readParts(items, content.stamp);
    const pieces = keys.map(({ sk }) => bytes.get(sk)).filter((piece) => piece !== undefined);
    return pieces.length < keys.length ? undefined : Buffer.concat(pieces).toString();
  }

  async function rowOf(first: RecordItem): Promise<Row | undefined> {
    let item: RecordItem | undefined = first;
    for (let reads = 0; reads < MOST_READS; reads += 1) {
      const text = await textOf(item);
      if (text !== undefined) return { id: idFrom(item.key), version: item.version, text };
      item = await read(item.key);
      if (item === undefined) return undefined;
    }
    throw new DomainError("unavailable", "A record changes faster than it can be read. Try again.");
  }

  return {
    async row(key) {
      const item = await read(key);
      if (item === undefined) return undefined;
      return "json" in item.content
        ? { id: idFrom(key), version: item.version, text: item.content.json }
        : await rowOf(item);
    },
    async rowsOf(items) {
      const rows: Row[] = [];
      for (const item of items) {
        const { key, version, content } = item;
        const row = "json" in content ? { id: idFrom(key), version, text: content.json } : await rowOf(item);
        if (row !== undefined) rows.push(row);
      }
      return rows;
    },
  };
}

/** Remembers what later commits of this store must know of an item. */
export function seen(store: Store, item: RecordItem): RecordItem {
  store.places.seen(item.place);
  if ("parts" in item.content) store.divided.note(item.key, item.version, item.content.parts);
  return item;
}

function idFrom({ pk, sk }: Key): string {
  try {
    return idOf(sk);
  } catch (cause) {
    throw new DomainError("unavailable", `The stored record ${pk} ${sk} is damaged at its id.`, { cause });
  }
}
