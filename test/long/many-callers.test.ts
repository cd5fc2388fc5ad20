import { describe, expect, it } from "vitest";
import { postAtOnce } from "../support/many-callers.ts";

describe("64 callers that post at once", () => {
  it("find all of their 10,000 records in the list, none twice, each caller's in their order", async () => {
    expect(await postAtOnce(64, 10_000)).toEqual({
      listed: 10_000,
      distinct: 10_000,
      notAsAnswered: [],
      disordered: [],
    });
  });
});
