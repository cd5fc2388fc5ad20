import { describe, expect, it } from "vitest";
import { MOST_PARTS, plannedSizes, planParts } from "../../../adapters/artifacts/s3/part-plan.ts";

const [MIB, GIB, TIB] = [1024 ** 2, 1024 ** 3, 1024 ** 4];

const reach = (plan: (part: number) => number): number =>
  Array.from({ length: MOST_PARTS }, (_, n) => plan(n + 1)).reduce((sum, size) => sum + size, 0);

describe("the parts of an object in S3", () => {
  it.each([16 * GIB, 100 * GIB, TIB, 5 * TIB])(
    "reach %d bytes in 10,000, none of more than 5 GiB",
    (largest) => {
      const plan = planParts(largest, 16 * MIB);
      expect(reach(plan)).toBeGreaterThanOrEqual(largest);
      expect(plan(MOST_PARTS)).toBeLessThanOrEqual(5 * GIB);
    },
  );

  it("stay small as long as the object is of usual size, and never shrink", () => {
    const plan = planParts(TIB, 16 * MIB);
    expect([plan(1), plan(1000)]).toEqual([16 * MIB, 16 * MIB]);
    for (let part = 2; part <= MOST_PARTS; part++) expect(plan(part)).toBeGreaterThanOrEqual(plan(part - 1));
    expect(reach(planParts(GIB, 16 * MIB))).toBe(16 * MIB * MOST_PARTS);
  });

  it("are known again from size and number, unless those were made otherwise", () => {
    const plan = (part: number) => (part < 3 ? 5 : 7);
    expect(plannedSizes(plan, 5, 1)).toEqual([5]);
    expect(plannedSizes(plan, 19, 4)).toEqual([5, 5, 7, 2]);
    expect(plannedSizes(plan, 19, 3)).toBeUndefined();
    expect(plannedSizes(plan, 19, 5)).toBeUndefined();
  });
});
