import type { AnyRecord } from "../ports/records-snapshots.ts";
import type { RecordKind } from "../records.ts";

/** Which records there are, in which versions. */
export interface Versions {
  add(record: Pick<AnyRecord, "kind" | "id" | "version">): void;
  /** Whether both have the same records of these kinds in the same versions. */
  same(other: Versions, kinds: (kind: RecordKind) => boolean): boolean;
  of(kind: RecordKind): ReadonlyMap<string, number>;
  kinds(): Iterable<RecordKind>;
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
