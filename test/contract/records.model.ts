import * as fc from "fast-check";
import type { Change } from "../../core/ports/records.ts";
import { claimValue, imageValue } from "../support/records-values.ts";

type Kind = "image" | "link-claim";

/** A change as a caller means it; the model knows which version is the right one. */
export interface Intent {
  readonly kind: Kind;
  readonly id: string;
  readonly op: Change["op"];
  /** How far the version is from the right one. */
  readonly off: number;
  readonly text: string;
}

const intent: fc.Arbitrary<Intent> = fc.record({
  kind: fc.constantFrom("image", "link-claim"),
  id: fc.constantFrom("a", "b", "c", "d"),
  op: fc.constantFrom("insert", "insert", "replace", "remove"),
  off: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, -1, 1),
  text: fc.string({ maxLength: 5 }),
});

export const commitArbitrary: fc.Arbitrary<Intent[]> = fc.array(intent, { maxLength: 3 });

interface Entry {
  readonly kind: Kind;
  readonly id: string;
  readonly version: number;
  readonly value: unknown;
}

/** The simplest store there is: an array that is copied for each commit, and the copy kept only when all of it worked. */
export function createModel() {
  let entries: readonly Entry[] = [];

  const toChange = (wish: Intent): Change => {
    const found = entries.find(({ kind, id }) => kind === wish.kind && id === wish.id);
    return changeOf(wish, (found?.version ?? 1) + wish.off);
  };
  return {
    commit(intents: readonly Intent[]): { changes: Change[]; outcome: "done" | "lost-race" | "invalid" } {
      const changes = intents.map(toChange);
      if (new Set(intents.map(({ kind, id }) => `${kind} ${id}`)).size < intents.length) {
        return { changes, outcome: "invalid" };
      }
      const next = intents.reduce<readonly Entry[] | undefined>(applied, entries);
      if (next === undefined) return { changes, outcome: "lost-race" };
      entries = next;
      return { changes, outcome: "done" };
    },
    list: (kind: Kind) =>
      entries
        .filter((entry) => entry.kind === kind)
        .map(({ id, version, value }) => ({ id, version, value })),
    /** What empties the store. */
    removals: (): Change[] => entries.map(({ kind, id, version }) => ({ op: "remove", kind, id, version })),
  };
}

function changeOf({ kind, id, op, text }: Intent, version: number): Change {
  if (op === "remove") return { op, kind, id, version };
  const base = op === "insert" ? { op, id } : { op, id, version };
  if (kind === "image") return { ...base, kind, value: imageValue(id, { text }) };
  return { ...base, kind, value: claimValue(id, text) };
}

function applied(entries: readonly Entry[] | undefined, wish: Intent): readonly Entry[] | undefined {
  const { kind, id, op, off, text } = wish;
  if (entries === undefined) return undefined;
  const place = entries.findIndex((entry) => entry.kind === kind && entry.id === id);
  const found = entries[place];
  const value = kind === "image" ? imageValue(id, { text }) : claimValue(id, text);
  if (op === "insert") return found === undefined ? [...entries, { kind, id, version: 1, value }] : undefined;
  if (found === undefined || off !== 0) return undefined;
  if (op === "remove") return entries.toSpliced(place, 1);
  return entries.with(place, { kind, id, version: found.version + 1, value });
}
