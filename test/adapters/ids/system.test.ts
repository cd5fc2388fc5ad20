import { describe, expect, it } from "vitest";
import { createSystemIds } from "../../../adapters/ids/system.ts";

describe("ids from the machine", () => {
  it("are random UUIDs of version 4 in lower case, each another", () => {
    const ids = createSystemIds();
    const many = Array.from({ length: 1000 }, () => ids.uuid());
    for (const id of many)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u);
    expect(new Set(many).size).toBe(1000);
  });

  it("come with jitter from 0 up to, but not, 1", () => {
    const ids = createSystemIds();
    const many = Array.from({ length: 1000 }, () => ids.random());
    expect(many.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(new Set(many).size).toBeGreaterThan(900);
  });
});
