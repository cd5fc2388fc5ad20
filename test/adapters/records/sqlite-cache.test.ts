import { describe, expect, it } from "vitest";
import { createRecordCaches } from "../../../adapters/records/sqlite-cache.ts";

const entry = (sequence: number) => ({ sequence, version: 1, seen: 1 });

describe("the cache of records", () => {
  it("answers the very entry it was given, for its kind and id only", () => {
    const caches = createRecordCaches(100);
    const kept = entry(1);
    caches.image.set("a", 10, kept);
    expect(caches.image.get("a")).toBe(kept);
    expect(caches.image.get("b")).toBeUndefined();
    expect(caches.recipe.get("a")).toBeUndefined();
  });

  it("never keeps more than its limit, over all kinds", () => {
    const caches = createRecordCaches(100);
    for (let number = 1; number <= 1000; number += 2) {
      caches.image.set(String(number), 10, entry(number));
      caches["link-claim"].set(String(number + 1), 10, entry(number + 1));
    }
    const kept = Array.from({ length: 1001 }, (_, number) => String(number)).filter(
      (id) => caches.image.get(id) !== undefined || caches["link-claim"].get(id) !== undefined,
    );
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThanOrEqual(10);
  });

  it("counts an entry that grows with what it takes in the end", () => {
    const caches = createRecordCaches(100);
    for (let size = 10; size <= 40; size += 10) caches.image.set("grows", size, entry(1));
    expect(caches.image.get("grows")).toBeDefined();
    caches.image.set("other", 11, entry(2)); // more than half the limit: both become old
    caches.image.set("third", 51, entry(3)); // and now both go
    expect([caches.image.get("grows"), caches.image.get("other")]).toEqual([undefined, undefined]);
  });

  it("keeps what is asked for while others come and go", () => {
    const caches = createRecordCaches(100);
    caches.image.set("kept", 10, entry(0));
    for (let number = 1; number <= 100; number++) {
      caches.image.set(String(number), 10, entry(number));
      expect(caches.image.get("kept")?.sequence).toBe(0);
    }
    expect(caches.image.get("1")).toBeUndefined();
  });
});
