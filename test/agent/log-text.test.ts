import { describe, expect, it } from "vitest";
import { createLogText } from "../../functions/agent/log-text.ts";

const clean = createLogText("the-token");

describe("a line of a job's log", () => {
  it("loses colours, other escapes and control characters, but keeps tabs and all of Unicode", () => {
    expect(clean("\u001B[1;31mred\u001B[0m\tü 日本\u0007\u0000\u0085 \u001B]0;title\u0007end\r")).toBe(
      "red\tü 日本 end",
    );
  });

  it("does not hide a secret behind a control character", () => {
    expect(clean("the-\u0000token signa\u0007ture=abc")).toBe("[redacted] signature=[redacted]");
  });

  it("is cut at 8 KiB, never within a character, and tells how much is missing", () => {
    expect(clean(`x${"ü".repeat(5000)}`)).toBe(`x${"ü".repeat(4095)} [1810 more bytes]`);
    expect(clean("x".repeat(8192))).toBe("x".repeat(8192));
  });

  it("is well-formed text whatever came in", () => {
    expect(clean("a\uD800b")).toBe("a\uFFFDb");
  });

  it("takes no longer for lines that are made to confuse", () => {
    for (const line of ["\u001B[".repeat(30_000), "://a:".repeat(13_000), `://${"a:".repeat(30_000)}`])
      expect(clean(line).length).toBeLessThan(9000);
  });
});
