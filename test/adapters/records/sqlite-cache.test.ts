import { describe, expect, it } from "vitest";
import { createRecordCaches } from "../../../adapters/records/sqlite-cache.ts";
import { claimValue, imageValue } from "../../support/records-values.ts";

const image = (id: string, version = 1) => ({ id, version, value: imageValue(id) });

describe("the cache of decoded records", () => {
  it("answers the very record it was given, for its version only", () => {
    const caches = createRecordCaches(100);
    const record = image("a", 2);
    caches.image.set(1, 10, record);
    expect(caches.image.get(1, 2)).toBe(record);
    expect(caches.image.get(1, 1)).toBeUndefined();
    expect(caches.image.get(1, 3)).toBeUndefined();
    expect(caches.image.get(2, 2)).toBeUndefined();
  });

  it("never keeps more than its limit, over all kinds", () => {
    const caches = createRecordCaches(100);
    for (let sequence = 1; sequence <= 1000; sequence += 2) {
      caches.image.set(sequence, 10, image("a"));
      caches["link-claim"].set(sequence + 1, 10, { id: "a", version: 1, value: claimValue("a") });
    }
    const kept = Array.from({ length: 1001 }, (_, sequence) => sequence).filter(
      (sequence) =>
        caches.image.get(sequence, 1) !== undefined || caches["link-claim"].get(sequence, 1) !== undefined,
    );
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThanOrEqual(10);
  });

  it("keeps what is asked for while others come and go", () => {
    const caches = createRecordCaches(100);
    caches.image.set(0, 10, image("kept"));
    for (let sequence = 1; sequence <= 100; sequence++) {
      caches.image.set(sequence, 10, image("other"));
      expect(caches.image.get(0, 1)?.id).toBe("kept");
    }
    expect(caches.image.get(1, 1)).toBeUndefined();
  });
});
