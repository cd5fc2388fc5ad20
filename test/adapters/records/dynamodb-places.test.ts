import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AFTER_ALL,
  BEFORE_ALL,
  createPlaces,
  isPlace,
  justAfter,
} from "../../../adapters/records/dynamodb/places.ts";

/** Clocks that stand still, leap and go back. */
const clocks = fc.array(fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_020 }), {
  minLength: 1,
  maxLength: 60,
});

function ticking(times: readonly number[]): () => number {
  let at = 0;
  return () => times[at++ % times.length] ?? 0;
}

describe("the places of records in the order of insertion", () => {
  it("come later and later, whatever the clock does", () => {
    fc.assert(
      fc.property(clocks, fc.double({ min: 0, max: 0.999, noNaN: true }), (times, chance) => {
        const places = createPlaces(ticking(times), () => chance);
        const given = Array.from({ length: 200 }, () => places.next());
        expect(given.every(isPlace)).toBe(true);
        expect(given.toSorted()).toEqual(given);
        expect(new Set(given).size).toBe(given.length);
      }),
    );
  });

  it("come after every place of another store that was seen, however far its clock is ahead", () => {
    fc.assert(
      fc.property(clocks, clocks, fc.array(fc.boolean(), { maxLength: 60 }), (timesA, timesB, turns) => {
        const stores = [
          createPlaces(ticking(timesA), () => 0.1),
          createPlaces(ticking(timesB), () => 0.9),
        ] as const;
        let last = "";
        for (const turn of turns) {
          const store = stores[turn ? 0 : 1];
          store.seen(last);
          const next = store.next();
          expect(next > last).toBe(true);
          last = next;
        }
      }),
    );
  });

  it("go on in the next millisecond when one has no more of them", () => {
    const places = createPlaces(
      () => 1_700_000_000_000,
      () => 0.5,
    );
    places.seen(`${(1_700_000_000_000).toString(36).padStart(9, "0")}zzzz0000`);
    const next = places.next();
    expect(next.slice(0, 13)).toBe(`${(1_700_000_000_001).toString(36).padStart(9, "0")}0000`);
  });

  it("pay no heed to what is no place", () => {
    const places = createPlaces(
      () => 1_700_000_000_000,
      () => 0,
    );
    const before = places.next();
    places.seen("zzzz");
    expect(places.next().slice(0, 9)).toBe(before.slice(0, 9));
  });

  it("lie between the ends, with nothing between one and what comes right after it", () => {
    const places = createPlaces(Date.now, Math.random);
    const [one, two] = [places.next(), places.next()];
    expect([AFTER_ALL, two, justAfter(one), BEFORE_ALL, one, justAfter(BEFORE_ALL)].toSorted()).toEqual([
      BEFORE_ALL,
      justAfter(BEFORE_ALL),
      one,
      justAfter(one),
      two,
      AFTER_ALL,
    ]);
  });
});
