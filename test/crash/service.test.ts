import { describe, expect, it } from "vitest";
import { killRounds } from "../support/kill-rounds.ts";

describe("a service that is killed while several callers write, delete, restore and upload", () => {
  it("comes back with every acknowledged change, and records and objects agree, 5 times over", async () => {
    const { acknowledged, cutShort } = await killRounds(5);
    expect(Math.min(acknowledged, cutShort)).toBeGreaterThan(5);
  });
});
