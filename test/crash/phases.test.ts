import { describe, expect, it } from "vitest";
import { strikeAll } from "../support/matrix/cells.ts";

describe("a packer job in each of its phases", () => {
  it("goes on to its image when the service is killed with -9 and comes back", async () => {
    expect(await strikeAll("packer", "kill -9 of the service")).toEqual([]);
  });
});
