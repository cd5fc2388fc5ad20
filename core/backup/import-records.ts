import { listStored } from "../collection.ts";
import { DomainError, isDomainError } from "../errors.ts";
import type { Change, Records } from "../ports/records.ts";
import { RECORD_KINDS, type RecordKind } from "../records.ts";
import type { BackupRecord } from "./check.ts";
import type { BackupProgress } from "./format.ts";
import type { Originals } from "./originals.ts";

const COMMIT_CHANGES = 50;
const COMMIT_CHARACTERS = 500_000;

/** What a store has before anything is brought in. */
export interface Existing {
  /** By kind and id; the value as JSON. */
  readonly records: ReadonlyMap<string, Known>;
  /** Of them, how many the original has otherwise, or not at all. */
  readonly differing: number;
}

interface Known {
  readonly kind: RecordKind;
  readonly id: string;
  readonly version: number;
  readonly json: string;
}

const keyOf = ({ kind, id }: { readonly kind: RecordKind; readonly id: string }) => `${kind} ${id}`;

/** Records that are the same in both are there from an earlier attempt: it goes on with the others. */
export async function findExisting(records: Records, from: Originals): Promise<Existing> {
  const all = new Map<string, Known>();
  for (const kind of RECORD_KINDS)
    for (const { id, version, value } of await listStored(records, kind))
      all.set(keyOf({ kind, id }), { kind, id, version, json: JSON.stringify(value) });
  if (all.size === 0) return { records: all, differing: 0 };
  let same = 0;
  for await (const record of from.records())
    if (all.get(keyOf(record))?.json === JSON.stringify(record.value)) same += 1;
  return { records: all, differing: all.size - same };
}

/**
 * Makes the store's records those of the original: inserts, in its order, replaces what differs, and removes what it
 * does not have. Safe to repeat. @throws `conflict` when somebody else works on the store
 */
export async function importRecords(
  records: Records,
  from: Originals,
  existing: Existing,
  progress: BackupProgress,
): Promise<number> {
  const strangers = new Map(existing.records);
  const batch = createBatch(records);
  let done = 0;
  for await (const record of from.records()) {
    const known = existing.records.get(keyOf(record));
    strangers.delete(keyOf(record));
    const json = JSON.stringify(record.value);
    if (known === undefined) await batch.add(insertion(record), json.length);
    else if (known.json !== json) await batch.add(replacement(record, known.version), json.length);
    progress({ what: "records", done: (done += 1) });
  }
  for (const { kind, id, version } of strangers.values())
    await batch.add({ op: "remove", kind, id, version }, 0);
  await batch.flush();
  return done;
}

/** Kind and value belong together, which the union of all changes cannot be told of one by one. */
function insertion({ kind, id, value }: BackupRecord): Change {
  // oxlint-disable-next-line no-unsafe-type-assertion -- parsed by the schema of its kind
  return { op: "insert", kind, id, value } as Change;
}

function replacement({ kind, id, value }: BackupRecord, version: number): Change {
  // oxlint-disable-next-line no-unsafe-type-assertion -- parsed by the schema of its kind
  return { op: "replace", kind, id, version, value } as Change;
}

function createBatch(records: Records) {
  let changes: Change[] = [];
  let characters = 0;
  async function flush(): Promise<void> {
    const those = changes;
    changes = [];
    characters = 0;
    try {
      await records.commit(those);
    } catch (error) {
      if (!isDomainError(error, "lost-race") && !isDomainError(error, "conflict")) throw error;
      const message = "Somebody else works on the store: stop every service that uses it, and do this again.";
      throw new DomainError("conflict", message, { cause: error });
    }
  }
  return {
    flush,
    async add(change: Change, size: number): Promise<void> {
      if (changes.length >= COMMIT_CHANGES || characters + size > COMMIT_CHARACTERS) await flush();
      changes.push(change);
      characters += size;
    },
  };
}
