import { describe, expect, it } from "vitest";
import { createLineSplitter } from "../../../adapters/process/lines.ts";

function split(...pieces: readonly (string | Uint8Array)[]): { kept: string[]; passing: string[] } {
  const kept: string[] = [];
  const passing: string[] = [];
  const splitter = createLineSplitter((line, passes) => (passes ? passing : kept).push(line));
  for (const piece of pieces) splitter.write(typeof piece === "string" ? Buffer.from(piece) : piece);
  splitter.end();
  return { kept, passing };
}

describe("a line splitter", () => {
  it("cuts at newlines, also those that come in two pieces", () => {
    expect(split("one\ntw", "o\n\nthree").kept).toEqual(["one", "two", "", "three"]);
  });

  it("takes a carriage return before a newline as part of the line's end, also across pieces", () => {
    expect(split("one\r", "\ntwo\r\r\nthree\r\n")).toEqual({ kept: ["one", "two", "three"], passing: [] });
  });

  it("tells what a progress bar overwrites from what stays", () => {
    expect(split("10%\r50%\r", "\r100%\ndone\n")).toEqual({
      kept: ["100%", "done"],
      passing: ["10%", "50%"],
    });
  });

  it("keeps the last state of a progress bar that never ends its line", () => {
    expect(split("10%\r99%\r")).toEqual({ kept: ["99%"], passing: ["10%"] });
  });

  it("joins characters whose bytes come in two pieces, and replaces what is no UTF-8", () => {
    const bytes = Buffer.from("größe\n");
    expect(split(bytes.subarray(0, 3), bytes.subarray(3), new Uint8Array([0x66, 0xff, 0x0a])).kept).toEqual([
      "größe",
      "f\u{FFFD}",
    ]);
  });

  it("cuts a line that does not end, so that memory stays bounded", () => {
    const { kept } = split(...Array.from({ length: 10 }, () => "x".repeat(50_000)));
    expect(kept.map((line) => line.length)).toEqual([...Array.from({ length: 7 }, () => 65_536), 41_248]);
  });
});
