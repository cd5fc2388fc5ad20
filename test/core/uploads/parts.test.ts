import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkParts, MOST_PARTS, partBytesFor } from "../../../core/uploads/parts.ts";

const part = (number: number, size: number) => ({ number, size, etag: "e" });

/** All parts of a content of this size. */
function partsOf(size: number, partBytes: number) {
  const count = Math.max(1, Math.ceil(size / partBytes));
  return Array.from({ length: count }, (_, at) => part(at + 1, Math.min(partBytes, size - at * partBytes)));
}

const content = fc.record({
  size: fc.integer({ min: 1, max: 5000 }),
  partBytes: fc.integer({ min: 100, max: 600 }),
});

describe("parts", () => {
  it("are as many as there may be, or fewer, for every size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1024 ** 4 * 40 }), (size) => {
        const partBytes = partBytesFor(size);
        expect(partBytes % (1024 * 1024)).toBe(0);
        expect(Math.ceil(size / partBytes)).toBeLessThanOrEqual(MOST_PARTS);
      }),
    );
  });

  it("are a whole when all are there, and not without one or with one of another size", () => {
    fc.assert(
      fc.property(content, fc.nat(), ({ size, partBytes }, chosen) => {
        const parts = partsOf(size, partBytes);
        const at = chosen % parts.length;
        expect(() => checkParts(parts, { partBytes, size })).not.toThrow();
        expect(() => checkParts(parts, { partBytes })).not.toThrow();
        const without = parts.filter((_, index) => index !== at);
        expect(() => checkParts(without, { partBytes, size })).toThrow(/missing|together|uploaded/u);
        const longer = parts.map((each, index) => (index === at ? part(each.number, each.size + 1) : each));
        expect(() => checkParts(longer, { partBytes, size })).toThrow(/bytes/u);
      }),
    );
  });

  it("that are missing are named", () => {
    const check = () => checkParts([part(2, 5), part(5, 5)], { partBytes: 5, size: 30 });
    expect(check).toThrow("Not all parts are there: parts 1, 3, 4, 6 are missing.");
    expect(() => checkParts([part(40, 5)], { partBytes: 5 })).toThrow(/19, 20 and 19 more are missing/u);
  });
});
