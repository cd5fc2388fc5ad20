import type { AnyRecord, RecordsSnapshots } from "../ports/records-snapshots.ts";
import type { RecordKind } from "../records.ts";

/** Which records there are, in which versions. */
export interface Versions {
  add(record: Pick<AnyRecord, "kind" | "id" | "version">): void;
  /** Whether both have the same records of these kinds in the same versions. */
  same(other: Versions, kinds: (kind: RecordKind) => boolean): boolean;
  of(kind: RecordKind): ReadonlyMap<string, number>;
  kinds(): Iterable<RecordKind>;
}

/** Heartbeats: nobody minds which one a backup has. */
export const RESTLESS: ReadonlySet<RecordKind> = new Set(["job-activity"]);

export async function versionsNow(snapshots: RecordsSnapshots): Promise<Versions> {
  const versions = createVersions();
  for await (const record of snapshots.take()) versions.add(record);
  return versions;
}

export function createVersions(): Versions {
  const all = new Map<RecordKind, Map<string, number>>();
  const of = (kind: RecordKind): ReadonlyMap<string, number> => all.get(kind) ?? new Map<string, number>();
  return {
    of,
    kinds: () => all.keys(),
    add({ kind, id, version }) {
      const known = all.get(kind) ?? new Map<string, number>();
      all.set(kind, known.set(id, version));
    },
    same(other, kinds) {
      const both = new Set([...all.keys(), ...other.kinds()]);
      return [...both].filter(kinds).every((kind) => sameVersions(of(kind), other.of(kind)));
    },
  };
}

function sameVersions(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  if (a.size !== b.size) return false;
  for (const [id, version] of a) if (b.get(id) !== version) return false;
  return true;
}
