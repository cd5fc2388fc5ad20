import { describe, expect, it } from "vitest";
import { DomainError } from "../../../core/errors.ts";
import { UsageError } from "../../../functions/cli/command.ts";
import type { CliCommand } from "../../../functions/cli/command.ts";
import { runInTest } from "../../support/cli.ts";

const never = () => Promise.reject(new Error("not part of this"));

async function run(words: readonly string[], work: CliCommand["run"] = async () => 0) {
  const stop = new AbortController();
  const command: CliCommand = { name: "work", summary: "does it", help: "usage: ims work", run: work };
  const stopping: CliCommand = {
    ...command,
    name: "stop",
    run: async () => {
      stop.abort(new Error("interrupted"));
      throw new Error("aborted in the middle");
    },
  };
  return await runInTest([command, stopping], words, { signal: stop.signal });
}

describe("the command line", () => {
  it("hands a command its words and answers its exit code", async () => {
    const seen: (readonly string[])[] = [];
    const { exitCode } = await run(["work", "--fast", "now"], async (_context, words) => {
      seen.push(words);
      return 4;
    });
    expect(exitCode).toBe(4);
    expect(seen).toEqual([["--fast", "now"]]);
  });

  it.each([["--help"], ["-h"], ["help"]])("lists the commands for %s", async (word) => {
    const { exitCode, said } = await run([word]);
    expect(exitCode).toBe(0);
    expect(said.join("\n")).toMatch(/^ {2}work {2}does it$/mu);
  });

  it("shows a command's help instead of running it", async () => {
    const { exitCode, said } = await run(["work", "--help"], never);
    expect([exitCode, said]).toEqual([0, ["usage: ims work"]]);
  });

  it.each([[[]], [["nonsense"]]])("answers 2 and the list of commands for %j", async (words) => {
    const { exitCode, said } = await run(words);
    expect(exitCode).toBe(2);
    expect(said[0]).toContain("! usage: ims <command>");
  });

  it("answers 1 and the reason when a command fails", async () => {
    const { exitCode, said } = await run(["work"], () =>
      Promise.reject(new DomainError("unavailable", "no disk")),
    );
    expect([exitCode, said]).toEqual([1, ["! error: no disk"]]);
  });

  it("answers 2 and where help is when it was misused", async () => {
    const { exitCode, said } = await run(["work"], () => Promise.reject(new UsageError("what?")));
    expect([exitCode, said]).toEqual([2, ["! error: what?", "! ims work --help tells more."]]);
  });

  it("answers 130 when it was interrupted, however the command ended", async () => {
    const { exitCode, said } = await run(["stop"]);
    expect([exitCode, said]).toEqual([130, []]);
  });
});
