import { TransactGetItemsCommand } from "@aws-sdk/client-dynamodb";
import { DomainError } from "../../../core/errors.ts";
import { readItem, type RecordItem, writtenKey } from "./items.ts";
import type { Key } from "./keys.ts";
import { inOrder } from "./listing.ts";
import { seen } from "./reader.ts";
import type { Store } from "./store.ts";

/** So often a list is mended at most. Each time means that somebody commits to the same records again and again. */
const MOST_TIMES = 100;

/**
 * A query reads one item after the other, while commits go on. What it read of a commit that replaced several records may
 * be some of them only: those that have it name the others and their versions. These few are then read again, as of one
 * moment. Of the other records, each is as it was at some moment of the reading.
 */
export function createWholeCommits(store: Store): (items: RecordItem[]) => Promise<RecordItem[]> {
  async function readAgain(keys: readonly Key[]): Promise<RecordItem[]> {
    const command = new TransactGetItemsCommand({
      TransactItems: keys.map((key) => ({ Get: { TableName: store.table, Key: writtenKey(key) } })),
    });
    const answer = await store.calls((abortSignal) => store.client.send(command, { abortSignal }));
    return (answer.Responses ?? []).flatMap(({ Item }) =>
      Item === undefined ? [] : [seen(store, readItem(Item))],
    );
  }

  return async (items) => {
    if (items.every(({ beside }) => beside.length === 0)) return items;
    const known = new Map(items.map((item) => [item.key.sk, item]));
    const whole = new Set<RecordItem>();
    for (let times = 0; times < MOST_TIMES; times += 1) {
      const torn = tornKeys(known, whole);
      if (torn.length === 0) return inOrder([...known.values()]);
      const again = new Map((await readAgain(torn)).map((item) => [item.key.sk, item]));
      for (const { sk } of torn) {
        const item = again.get(sk);
        if (item === undefined) known.delete(sk);
        else known.set(sk, item);
      }
      for (const item of again.values())
        if (item.beside.every(([sk]) => again.has(sk) || !known.has(sk))) whole.add(item);
    }
    throw new DomainError("unavailable", "The records change faster than they can be listed. Try again.");
  };
}

/**
 * The records of a commit of which the list shows some as they were before it; none when it shows all commits whole.
 * `whole`: what was read together with the others of its commit. A lower version is a later record of the same id then.
 */
function tornKeys(known: ReadonlyMap<string, RecordItem>, whole: ReadonlySet<RecordItem>): Key[] {
  for (const bearer of known.values()) {
    if (whole.has(bearer)) continue;
    const listed = bearer.beside.flatMap(([sk, version]) => {
      const item = known.get(sk);
      return item === undefined ? [] : [{ key: item.key, behind: item.version < version }];
    });
    if (listed.some(({ behind }) => behind)) return listed.map(({ key }) => key);
  }
  return [];
}
