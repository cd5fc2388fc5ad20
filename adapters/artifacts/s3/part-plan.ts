/** S3 takes no more parts. */
export const MOST_PARTS = 10_000;
/** So many parts have the same size before it grows. */
const STEP_PARTS = 1000;
const MIB = 1024 * 1024;

/** How large each part is, counted from 1, in bytes. The same for every object, so that equal content has one ETag. */
export type PartPlan = (part: number) => number;

/**
 * Parts that grow evenly, so that an object of usual size is sent in small ones, which memory holds, and 10,000 of them
 * reach the largest. `first`: size of the first part, and the most that is sent as a whole.
 */
export function planParts(largest: number, first: number): PartPlan {
  const steps = MOST_PARTS / STEP_PARTS;
  const missing = largest / STEP_PARTS - steps * first;
  const growth = Math.max(0, Math.ceil(missing / ((steps * (steps - 1)) / 2) / MIB)) * MIB;
  return (part) => first + growth * Math.floor((part - 1) / STEP_PARTS);
}

/** The sizes of a content's parts, `undefined` when the plan does not end in so many. */
export function plannedSizes(plan: PartPlan, size: number, count: number): number[] | undefined {
  const sizes: number[] = [];
  for (let rest = size; rest > 0 && sizes.length <= count; rest -= sizes.at(-1) ?? rest)
    sizes.push(Math.min(rest, plan(sizes.length + 1)));
  return sizes.length === count ? sizes : undefined;
}
