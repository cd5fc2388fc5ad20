import { describe, expect, it } from "vitest";
import { postAtOnce } from "../support/many-callers.ts";

describe("64 callers that post at once", () => {
  it("find all of their 1,000 records in the list, none twice, each caller's in their order", async () => {
    expect(await postAtOnce(64, 1000)).toEqual({
      listed: 1000,
      distinct: 1000,
      notAsAnswered: [],
      disordered: [],
    });
  });
});
