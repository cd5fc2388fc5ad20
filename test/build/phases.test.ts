import { describe, expect, it } from "vitest";
import { strikeAll } from "../support/matrix/cells.ts";

/** A few of those that test/long/matrix.test.ts tries. */
describe("a job with a shell, in each of its phases", () => {
  it.each([
    ["customize in a jail", "kill -9 of both"],
    ["customize beside the image", "SIGTERM of the service"],
    ["debug shell", "kill -9 of the agent"],
  ] as const)("ends as it should: %s, %s", async (kind, fault) => {
    expect(await strikeAll(kind, fault)).toEqual([]);
  });
});
