import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quoted } from "../../../adapters/ssh/quote.ts";

/** What sh makes of a line: the words that a program would get. */
function wordsOf(line: string): string[] {
  const output = execFileSync("/bin/sh", ["-c", `printf '%s\\0' ${line}`], { encoding: "utf8" });
  return output.split("\0").slice(0, -1);
}

describe("words for a remote shell", () => {
  it("arrive as they are, whatever they hold", () => {
    const nasty = [
      "",
      " ",
      "a b",
      "'",
      "''",
      '"$HOME"',
      "`id`",
      "$(id)",
      "a\nb",
      "\\",
      "*",
      "~",
      "#x",
      "-e",
      "é;&|<>!",
    ];
    expect(wordsOf(quoted(["echo", ...nasty]))).toEqual(["echo", ...nasty]);
  });

  it("arrive as they are when chance makes them", () => {
    const word = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        expect(wordsOf(quoted(["x", ...words]))).toEqual(["x", ...words]);
      }),
      { numRuns: 60 },
    );
  });

  it("stay readable where nothing has to be quoted", () => {
    expect(quoted(["podman", "ps", "--format=json"])).toBe("podman ps --format=json");
  });
});
