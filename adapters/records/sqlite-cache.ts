import type { Json } from "../../core/json.ts";
import type { Stored } from "../../core/ports/records.ts";
import type { RecordKind, RecordValue } from "../../core/records.ts";

/** What is known of a record, decoded or as JSON, whichever was asked for. */
export interface CacheEntry<K extends RecordKind> {
  /**
   * Sequence number and version together name one text for ever: sequence numbers never come back, so neither another
   * process's writes nor a removed and newly inserted record can make an entry wrong.
   */
  readonly sequence: number;
  readonly version: number;
  /** The store's data version when the record was last seen to be this one: while that is the same, so is the record. */
  seen: number;
  record?: Stored<K>;
  json?: Json<RecordValue<K>>;
}

/** Records of one kind by id. */
export interface RecordCache<K extends RecordKind> {
  get(id: string): CacheEntry<K> | undefined;
  /** To be called again when the entry has grown. `size`: about what it takes now, in bytes. */
  set(id: string, size: number, entry: CacheEntry<K>): void;
}

export type RecordCaches = { readonly [K in RecordKind]: RecordCache<K> };

/**
 * Caches that together keep records of about `limit` bytes. There are two generations: when the young
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
    "node-state": cache(),
    token: cache(),
    "link-claim": cache(),
    "object-journal": cache(),
    "upload-session": cache(),
  };
}

interface Kept<K extends RecordKind> {
  readonly size: number;
  readonly entry: CacheEntry<K>;
}

function createCache<K extends RecordKind>(
  grow: (size: number) => void,
): RecordCache<K> & { readonly age: () => void } {
  let young = new Map<string, Kept<K>>();
  let old = new Map<string, Kept<K>>();

  const keep = (id: string, kept: Kept<K>): void => {
    const before = young.get(id)?.size ?? 0;
    young.set(id, kept);
    grow(kept.size - before);
  };
  return {
    get(id) {
      const found = young.get(id);
      if (found !== undefined) return found.entry;
      const aged = old.get(id);
      if (aged !== undefined) keep(id, aged);
      return aged?.entry;
    },
    set: (id, size, entry) => keep(id, { size, entry }),
    age() {
      old = young;
      young = new Map();
    },
  };
}
