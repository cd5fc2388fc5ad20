import { QueryCommand } from "@aws-sdk/client-dynamodb";
import { readItem, type RecordItem } from "./items.ts";
import { INDEX, partitionsOf } from "./keys.ts";
import { AFTER_ALL, BEFORE_ALL, justAfter } from "./places.ts";
import { seen } from "./reader.ts";
import type { RecordKind } from "../../../core/records.ts";
import type { Store } from "./store.ts";

/** Places in (after, until]. */
export interface Span {
  readonly after: string;
  readonly until: string;
}

export const EVERYTHING: Span = { after: BEFORE_ALL, until: AFTER_ALL };

export interface ItemPage {
  readonly items: RecordItem[];
  readonly more: boolean;
}

export interface Listing {
  /**
   * The first items of a span, in order, each record once; `more` when there are others. Without a limit as many as one
   * request to each partition brings.
   */
  first(kind: RecordKind, span: Span, limit: number | undefined): Promise<ItemPage>;
  /** All items of a kind, in order, each record once. */
  all(kind: RecordKind): Promise<RecordItem[]>;
  /** The place of the record that was inserted last; `BEFORE_ALL` without any. */
  lastPlace(kind: RecordKind): Promise<string>;
}

/** What of one partition has been read and not yet been used. */
interface Shard {
  readonly pk: string;
  readonly items: RecordItem[];
  /** How far it has been read; `undefined`: to the end. */
  after: string | undefined;
}

/** Strongly consistent reads of the index, which lies in the records' own partitions. */
export function createListing(store: Store): Listing {
  const query = createQuery(store);

  async function readOn(shard: Shard, until: string, Limit?: number): Promise<void> {
    if (shard.after === undefined) return;
    const page = await query(shard.pk, { after: shard.after, until }, Limit === undefined ? {} : { Limit });
    for (const item of page.items) shard.items.push(item);
    shard.after = page.more ? page.items.at(-1)?.place : undefined;
  }

  return {
    async first(kind, { after, until }, limit) {
      const shards = shardsOf(kind, after);
      const atOnce = limit === undefined ? undefined : pageOf(limit, shards.length);
      const items = new Map<string, RecordItem>();
      for (let unread = shards; unread.length > 0;) {
        await Promise.all(unread.map((shard) => readOn(shard, until, atOnce)));
        takeInOrder(shards, items, limit);
        unread = limit === undefined ? [] : shards.filter(isUsedUp);
      }
      return { items: [...items.values()], more: shards.some((shard) => !isAtEnd(shard)) };
    },
    async all(kind) {
      const shards = shardsOf(kind, BEFORE_ALL);
      const readAll = async (shard: Shard): Promise<void> => {
        while (shard.after !== undefined) await readOn(shard, AFTER_ALL);
      };
      await Promise.all(shards.map(readAll));
      const items = new Map<string, RecordItem>();
      for (const item of inOrder(shards.flatMap((shard) => shard.items))) keep(items, item);
      return [...items.values()];
    },
    async lastPlace(kind) {
      const last = { Limit: 1, ScanIndexForward: false };
      const lasts = await Promise.all(partitionsOf(kind).map((pk) => query(pk, EVERYTHING, last)));
      return inOrder(lasts.flatMap(({ items }) => items)).at(-1)?.place ?? BEFORE_ALL;
    },
  };
}

function createQuery(store: Store) {
  return async (pk: string, span: Span, options: { Limit?: number; ScanIndexForward?: boolean }) => {
    // A page that ended at the very end; DynamoDB refuses bounds in the wrong order.
    if (justAfter(span.after) > span.until) return { items: [], more: false };
    const command = new QueryCommand({
      TableName: store.table,
      IndexName: INDEX,
      ConsistentRead: true,
      KeyConditionExpression: "pk = :pk AND place BETWEEN :from AND :until",
      ExpressionAttributeValues: {
        ":pk": { S: pk },
        ":from": { S: justAfter(span.after) },
        ":until": { S: span.until },
      },
      ...options,
    });
    const answer = await store.calls((abortSignal) => store.client.send(command, { abortSignal }));
    const items = (answer.Items ?? []).map((item) => seen(store, readItem(item)));
    return { items, more: answer.LastEvaluatedKey !== undefined };
  };
}

function shardsOf(kind: RecordKind, after: string): Shard[] {
  return partitionsOf(kind).map((pk) => ({ pk, items: [], after }));
}

export function inOrder(items: RecordItem[]): RecordItem[] {
  return items.sort((a, b) => (a.place < b.place ? -1 : 1));
}

/** What each of several shards is asked for at once: its share of a page, and a little for an uneven spread. */
function pageOf(limit: number, shards: number): number {
  return shards === 1 ? limit + 1 : Math.ceil((limit / shards) * 1.25) + 1;
}

/** What is not read is behind what was read of its partition only: one that is used up must be read on first. */
const isUsedUp = ({ items, after }: Shard) => items.length === 0 && after !== undefined;
const isAtEnd = ({ items, after }: Shard) => items.length === 0 && after === undefined;

function takeInOrder(
  shards: readonly Shard[],
  into: Map<string, RecordItem>,
  limit: number | undefined,
): void {
  while (into.size !== limit && !shards.some(isUsedUp)) {
    const next = firstOf(shards)?.items.shift();
    if (next === undefined) return;
    keep(into, next);
  }
}

function firstOf(shards: readonly Shard[]): Shard | undefined {
  return shards.reduce<Shard | undefined>((best, shard) => {
    const [place, bestPlace] = [shard.items[0]?.place, best?.items[0]?.place];
    return place !== undefined && (bestPlace === undefined || place < bestPlace) ? shard : best;
  }, undefined);
}

/** A record that was removed and inserted again while it was listed is where it is now. */
function keep(items: Map<string, RecordItem>, item: RecordItem): void {
  items.delete(item.key.sk);
  items.set(item.key.sk, item);
}
