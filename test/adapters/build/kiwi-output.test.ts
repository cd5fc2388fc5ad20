import { describe, expect, it } from "vitest";
import { readKiwiLine } from "../../../adapters/build/kiwi-output.ts";

const BAR = "[ INFO    ]: Processing: [##########                              ] 25%";

describe("a line of kiwi's output", () => {
  it("tells the percent of a bar, and is nothing for the log then", () => {
    expect(readKiwiLine(BAR)).toEqual({ percent: 25 });
    expect(readKiwiLine(`${BAR}${BAR.replace("25", "100")}`)).toEqual({ percent: 100 });
  });

  it("is found behind a bar that was not ended", () => {
    const debug = "[ DEBUG   ]: 20:41:06 | bootstrap: I: Retrieving InRelease ";
    expect(readKiwiLine(BAR + debug)).toEqual({ percent: 25, text: debug.trimEnd() });
  });

  it("tells what kiwi begins to do, but not its details", () => {
    const line = "[ INFO    ]: 20:38:58 | Installing bootstrap packages";
    expect(readKiwiLine(line)).toEqual({ text: line, message: "Installing bootstrap packages" });
    const detail = "[ INFO    ]: 20:38:58 | --> package: apt";
    expect(readKiwiLine(detail)).toEqual({ text: detail });
  });

  it("keeps what tools and scripts print", () => {
    expect(readKiwiLine("+ dracut --force")).toEqual({ text: "+ dracut --force" });
    expect(readKiwiLine("100% sure")).toEqual({ text: "100% sure" });
  });

  it("leaves out kiwi's own commands and empty lines", () => {
    expect(readKiwiLine("[ DEBUG   ]: 20:41:05 | EXEC: [mountpoint -q /x]")).toEqual({});
    expect(readKiwiLine("[ DEBUG   ]: 20:41:05 | Looking for rm in /usr/bin:/bin")).toEqual({});
    expect(readKiwiLine("")).toEqual({});
  });

  it("hides the credentials of a URL", () => {
    const line = "[ INFO    ]: 20:41:05 | Setting up repository https://me:secret@host/path";
    expect(readKiwiLine(line).text).toBe(line.replace("me:secret", "***"));
  });
});
