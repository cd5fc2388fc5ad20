import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CHECK_KEY,
  idOf,
  keyOf,
  LAYOUT_KEY,
  partitionsOf,
  partKey,
} from "../../../adapters/records/dynamodb/keys.ts";
import { RECORD_KINDS, type RecordKind } from "../../../core/records.ts";

const kinds = fc.constantFrom(...RECORD_KINDS);
/** Ids of any characters, also halves of one, and those that look like what the scheme makes of others. */
const ids = fc.oneof(
  fc.uuid(),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc
    .array(fc.integer({ min: 0xd7_f0, max: 0xe0_10 }), { maxLength: 5 })
    .map((codes) => String.fromCharCode(...codes)),
  fc.string({ maxLength: 20 }).map((text) => `~${text}`),
  fc.nat(30).chain((part) => fc.string({ maxLength: 9 }).map((text) => `~p${part}.${text}`)),
);

describe("the keys of records in DynamoDB", () => {
  it("tell which record it is, whatever its id", () => {
    fc.assert(
      fc.property(kinds, ids, (kind, id) => {
        const key = keyOf(kind, id);
        expect(key && idOf(key.sk)).toBe(id);
        expect(key?.pk.startsWith(`${kind}#`)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("are what DynamoDB takes, and nothing is lost on the way there", () => {
    fc.assert(
      fc.property(kinds, ids, fc.nat(99), (kind, id, part) => {
        const key = keyOf(kind, id);
        if (key === undefined) return;
        for (const { sk } of [key, partKey(key, part)]) {
          const bytes = Buffer.from(sk);
          expect(bytes.length).toBeGreaterThan(0);
          expect(bytes.length).toBeLessThanOrEqual(1024);
          expect(bytes.toString()).toBe(sk);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("are never shared by two records, by parts of values, or by what is no record", () => {
    const written = (kind: RecordKind, id: string): string[] => {
      const key = keyOf(kind, id);
      return key === undefined
        ? []
        : [key, partKey(key, 0), partKey(key, 10)].map(({ pk, sk }) => `${pk}\n${sk}`);
    };
    fc.assert(
      fc.property(fc.tuple(kinds, ids), fc.tuple(kinds, ids), ([kindA, a], [kindB, b]) => {
        const keys = [
          ...written(kindA, a),
          ...(kindA === kindB && a === b ? [] : written(kindB, b)),
          ...[LAYOUT_KEY, CHECK_KEY].map(({ pk, sk }) => `${pk}\n${sk}`),
        ];
        expect(new Set(keys).size).toBe(keys.length);
      }),
      { numRuns: 2000 },
    );
  });

  it("are in one of the partitions that a list of the kind reads", () => {
    fc.assert(
      fc.property(kinds, ids, (kind, id) => {
        expect(partitionsOf(kind)).toContain(keyOf(kind, id)?.pk);
      }),
    );
    const all = RECORD_KINDS.flatMap(partitionsOf);
    expect(new Set(all).size).toBe(all.length);
  });

  it("spread the ids of any thousand records of a kind that grows evenly, made by chance or by counting", () => {
    const spread = (make: (index: number) => string): number[] => {
      const counts = new Map(partitionsOf("image").map((pk) => [pk, 0]));
      for (let index = 0; index < 1600; index += 1) {
        const pk = keyOf("image", make(index))?.pk ?? "";
        counts.set(pk, (counts.get(pk) ?? 0) + 1);
      }
      return [...counts.values()];
    };
    fc.assert(
      fc.property(fc.array(fc.uuid({ version: 4 }), { minLength: 1600, maxLength: 1600 }), (uuids) => {
        for (const count of spread((index) => uuids[index] ?? "")) expect(count).toBeLessThan(200);
      }),
      { numRuns: 20 },
    );
    for (const make of [(index: number) => `id ${index}`, (index: number) => `${index}`.padStart(36, "0")])
      for (const count of spread(make)) expect(count).toBeLessThan(200);
  });

  it("are refused for an id that DynamoDB could not keep", () => {
    expect(keyOf("image", "x".repeat(1001))).toBeUndefined();
    expect(keyOf("image", "ä".repeat(501))).toBeUndefined();
    expect(keyOf("image", "x".repeat(1000))).toBeDefined();
  });
});
