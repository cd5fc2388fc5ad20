import * as fc from "fast-check";
import { expect, it } from "vitest";
import { inUtf16Order } from "../../../adapters/artifacts/s3/listing.ts";

it("brings keys in the order of S3 into that of UTF-16", async () => {
  const key = fc.string({
    unit: fc.constantFrom("a", "z", "/", "\uD7FF", "\uE000", "\uFFEE", "\u{1F980}"),
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(key, { maxLength: 12 }), async (keys) => {
      const asStored = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      async function* stored() {
        yield* asStored;
      }
      expect(await Array.fromAsync(inUtf16Order(stored()))).toEqual(
        keys.toSorted((a, b) => (a < b ? -1 : 1)),
      );
    }),
    { numRuns: 500 },
  );
});
