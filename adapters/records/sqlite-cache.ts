import type { Stored } from "../../core/ports/records.ts";
import type { RecordKind } from "../../core/records.ts";

/**
 * Decoded records by sequence number and version. Together these name one text for ever: sequence numbers never come
 * back, so neither another process's writes nor a removed and newly inserted record can make an entry wrong.
 */
export interface RecordCache<K extends RecordKind> {
  get(sequence: number, version: number): Stored<K> | undefined;
  /** `size`: about what the record takes, in characters of its JSON. */
  set(sequence: number, size: number, record: Stored<K>): void;
}

export type RecordCaches = { readonly [K in RecordKind]: RecordCache<K> };

/**
 * Caches that together keep records of at most `limit` characters of JSON. There are two generations: when the young
 * one has half the limit it becomes the old one, and what was not asked for since is dropped.
 */
export function createRecordCaches(limit: number): RecordCaches {
  const ageing: (() => void)[] = [];
  let young = 0;

  const grow = (size: number): void => {
    young += size;
    if (young <= limit / 2) return;
    young = 0;
    for (const age of ageing) age();
  };
  const cache = <K extends RecordKind>(): RecordCache<K> => {
    const { age, ...made } = createCache<K>(grow);
    ageing.push(age);
    return made;
  };
  return {
    image: cache(),
    recipe: cache(),
    "public-key": cache(),
    job: cache(),
    "job-activity": cache(),
    "job-slot": cache(),
    "deleted-image": cache(),
    "deleted-recipe": cache(),
    "deleted-public-key": cache(),
    "remote-build-node": cache(),
    token: cache(),
    "link-claim": cache(),
    "object-journal": cache(),
  };
}

interface Entry<K extends RecordKind> {
  readonly size: number;
  readonly record: Stored<K>;
}

function createCache<K extends RecordKind>(
  grow: (size: number) => void,
): RecordCache<K> & { readonly age: () => void } {
  let young = new Map<number, Entry<K>>();
  let old = new Map<number, Entry<K>>();

  const keep = (sequence: number, entry: Entry<K>): void => {
    young.set(sequence, entry);
    grow(entry.size);
  };
  return {
    get(sequence, version) {
      const entry = young.get(sequence) ?? old.get(sequence);
      if (entry?.record.version !== version) return undefined;
      if (!young.has(sequence)) keep(sequence, entry);
      return entry.record;
    },
    set: (sequence, size, record) => keep(sequence, { size, record }),
    age() {
      old = young;
      young = new Map();
    },
  };
}
