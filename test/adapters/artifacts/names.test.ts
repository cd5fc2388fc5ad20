import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canHold, decodeKey, encodeKey, isDirectoryName } from "../../../adapters/artifacts/files/names.ts";

const key = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 300 }),
  fc.string({ unit: fc.constantFrom("/", ".", "~", "@", "%", "2", "E", "e", "x".repeat(97)), minLength: 1 }),
);

describe("names of objects' files", () => {
  it("tell the key again", () => {
    fc.assert(
      fc.property(key, (each) => {
        expect(decodeKey(encodeKey(each))).toBe(each);
      }),
    );
  });

  it("are plain names that stay below their directory, on any file system", () => {
    fc.assert(
      fc.property(key, (each) => {
        const pieces = encodeKey(each);
        // An upper-case letter comes first where a long segment is cut within an escape.
        for (const piece of pieces) expect(piece).toMatch(/^[a-zA-F0-9_%@~-][a-zA-Z0-9._%@~-]{0,208}$/u);
        expect(pieces.map(isDirectoryName)).toEqual([...pieces.slice(1).map(() => true), false]);
      }),
    );
  });

  it("differ for different keys also where case does not count", () => {
    fc.assert(
      fc.property(key, key, (one, other) => {
        const [a, b] = [one, other].map((each) => encodeKey(each).join("/").toLowerCase());
        expect(a === b).toBe(one === other);
      }),
    );
  });

  it("lead by their directories to every key of a prefix", () => {
    fc.assert(
      fc.property(key, fc.nat(), (each, length) => {
        const prefix = each.slice(0, length % (each.length + 1));
        fc.pre(prefix.isWellFormed());
        const pieces = encodeKey(each);
        for (let depth = 0; depth < pieces.length; depth++)
          expect(canHold(pieces.slice(0, depth), prefix)).toBe(true);
      }),
    );
    expect(canHold(["images@"], "recipes/")).toBe(false);
  });
});
