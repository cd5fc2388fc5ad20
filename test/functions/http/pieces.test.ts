import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { requestedRange } from "../../../functions/http/byte-range.ts";
import { base64OfHex, expectationOf } from "../../../functions/http/digest-headers.ts";
import { matches } from "../../../functions/http/download.ts";
import { fieldErrors } from "../../../functions/http/field-errors.ts";
import {
  lenientBoolean,
  lenientPositiveInteger,
  lenientUuid,
  mapping,
} from "../../../functions/http/fields.ts";

describe("a requested range", () => {
  it.each([
    ["bytes=0-0", { start: 0, end: 0 }],
    ["bytes=2-", { start: 2, end: 9 }],
    ["bytes=2-100", { start: 2, end: 9 }],
    ["bytes=-3", { start: 7, end: 9 }],
    ["bytes=-30", { start: 0, end: 9 }],
    [null, undefined],
    ["bytes=", undefined],
    ["bytes=-", undefined],
    ["bytes=5-2", undefined],
    ["bytes=0-1,3-4", undefined],
    ["lines=0-1", undefined],
  ])("reads %j of ten bytes as %j", (header, expected) => {
    expect(requestedRange(header, 10)).toEqual(expected);
  });

  it.each(["bytes=10-", "bytes=11-12", "bytes=-0"])("refuses %j of ten bytes", (header) => {
    expect(() => requestedRange(header, 10)).toThrow(
      expect.objectContaining({ code: "range-not-satisfiable" }),
    );
  });
});

describe("digest headers", () => {
  const md5 = "900150983cd24fb0d6963f7d28e17f72";
  const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

  it("become what the bytes are checked against", () => {
    const headers = new Headers({
      "content-length": "3",
      "content-md5": base64OfHex(md5),
      "repr-digest": `sha-512=:AAAA:, sha-256=:${base64OfHex(sha256)}:`,
    });
    expect(expectationOf(headers)).toEqual({ size: 3, md5, sha256 });
  });

  it.each([
    ["content-md5", "nonsense"],
    ["content-md5", "AAAA"],
    ["repr-digest", "sha-256=:AAAA:"],
    ["repr-digest", "sha-256=AAAA"],
    ["repr-digest", "sha-512=:AAAA:, sha-256"],
    ["repr-digest", ""],
  ])("refuses %s: %s", (name, value) => {
    expect(() => expectationOf(new Headers({ [name]: value }))).toThrow(
      expect.objectContaining({ code: "bad-request" }),
    );
  });
});

describe("If-None-Match", () => {
  it.each([
    ['"a"', true],
    ['W/"a"', true],
    ['"b", "a"', true],
    ["*", true],
    ['"b"', false],
    [null, false],
  ])("%s against the entity tag a: %s", (header, expected) => {
    expect(matches(header, "a")).toBe(expected);
  });
});

describe("field errors", () => {
  const Shape = v.strictObject({
    name: v.string(),
    list: v.array(v.strictObject({ key: v.string() })),
    flag: v.optional(lenientBoolean),
    map: v.optional(mapping),
  });
  const errorsOf = (input: unknown) => {
    const result = v.safeParse(Shape, input);
    return result.success ? undefined : fieldErrors(result.issues);
  };

  it("names every field that is wrong, in the words that clients know (behaviour 10, 11)", () => {
    expect(
      errorsOf({ name: null, list: [{ key: 1 }, { key: "k", more: 1 }], flag: "perhaps", extra: 1, map: [] }),
    ).toEqual({
      name: ["Field may not be null."],
      list: { "0": { key: ["Not a valid string."] }, "1": { more: ["Unknown field."] } },
      flag: ["Not a valid boolean."],
      extra: ["Unknown field."],
      map: ["Not a valid mapping type."],
    });
    expect(errorsOf({})).toEqual({
      name: ["Missing data for required field."],
      list: ["Missing data for required field."],
    });
  });

  it("survives a field called __proto__", () => {
    expect(errorsOf(JSON.parse('{"name":"n","list":[],"__proto__":1}'))).toBeDefined();
  });
});

describe("lenient fields", () => {
  it.each([
    [true, true],
    ["yes", true],
    ["ON", true],
    [1, true],
    ["FALSE", false],
    [0, false],
    ["off", false],
  ])("take %j for the boolean %j (behaviour 12)", (input, expected) => {
    expect(v.parse(lenientBoolean, input)).toBe(expected);
  });

  it.each([
    ["7", 7],
    [1.5, 1],
    [3, 3],
  ])("take %j for the integer %j (behaviour 12)", (input, expected) => {
    expect(v.parse(lenientPositiveInteger("n"), input)).toBe(expected);
  });

  it.each([0, -1, "0", "x", "1.5", null, true, 1e20])("refuse %j as an integer of at least 1", (input) => {
    expect(v.is(lenientPositiveInteger("n"), input)).toBe(false);
  });

  it("take a UUID in any case and without dashes, and normalise it (behaviour 134)", () => {
    const uuid = "46a2731e-a1d0-4f98-ba92-4f78c756bb12";
    expect(v.parse(lenientUuid, uuid.toUpperCase().replaceAll("-", ""))).toBe(uuid);
    expect(v.is(lenientUuid, `${uuid}0`)).toBe(false);
  });
});
