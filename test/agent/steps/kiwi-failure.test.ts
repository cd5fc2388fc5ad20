import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { explainKiwiFailure } from "../../../functions/agent/steps/kiwi-failure.ts";

/** The last lines of real builds that failed, by kiwi's version. */
async function recorded(name: string) {
  const url = new URL(`../../fixtures/kiwi/${name}.txt`, import.meta.url);
  return explainKiwiFailure(1, (await readFile(url, "utf8")).trimEnd().split("\n"));
}

const told = (...lines: readonly string[]) => explainKiwiFailure(1, lines);
const error = (message: string): string => `[ ERROR   ]: 20:00:00 | ${message}`;

describe("a build that failed, as kiwi 9 and 11 tell it", () => {
  it("names the package that no repository has", async () => {
    for (const name of ["9-missing-package", "11-missing-package"])
      expect(await recorded(name)).toMatchObject({
        code: "build_failed",
        message: expect.stringContaining("E: Unable to locate package no-such-package-x"),
        hint: expect.stringMatching(/has: no-such-package-x\. Correct the name in config\.xml/u),
      });
  });

  it("names the bootstrap package that no repository has, without debootstrap's list of downloads", async () => {
    expect(await recorded("9-missing-bootstrap-package")).toEqual({
      code: "build_failed",
      message:
        "kiwi ended with exit code 1: KiwiBootStrapPhaseFailed: Bootstrap package installation failed: : E: Couldn't find these debs: no-such-boot",
      hint: expect.stringContaining("has: no-such-boot."),
    });
    expect((await recorded("11-missing-bootstrap-package")).hint).toMatch(/has: no-such-boot\. .*has it\.$/u);
  });

  it("tells of a repository that did not answer", async () => {
    expect(await recorded("9-silent-repository")).toMatchObject({
      code: "repository_unreachable",
      message: expect.stringContaining("E: Failed getting release file http://silent.example/debian"),
      hint: expect.stringContaining("(http://silent.example/debian (Connection refused)) did not answer"),
    });
    // kiwi 11 goes on without it, and then misses the first package
    expect((await recorded("11-silent-repository")).hint).toContain(
      "A repository did not answer, which may be the reason: http://silent.example/debian (Could not connect to silent.example (192.0.2.1). - connect (111: Connection refused)).",
    );
  });

  it("tells what the schema complains of, and that the recipe is at fault", async () => {
    for (const name of ["9-schema", "11-schema"])
      expect(await recorded(name)).toMatchObject({
        code: "recipe_invalid",
        hint: expect.stringMatching(/: Extra element locale in interleave; Element preferences failed/u),
      });
    expect(await recorded("9-no-xml")).toMatchObject({ code: "recipe_invalid" });
  });

  it("names the recipe's script that failed, with its last words", async () => {
    for (const name of ["9-script", "11-script"])
      expect(await recorded(name)).toMatchObject({
        code: "build_failed",
        message: expect.stringContaining("cannot access '/no/such/file'"),
        hint: expect.stringContaining("script config.sh failed"),
      });
  });
});

describe("a build that failed, as package managers tell it", () => {
  it("names missing packages in the words of each", () => {
    const hints: readonly (readonly [line: string, names: string])[] = [
      ["E: Package 'a' has no installation candidate", "a"],
      ["No provider of 'a' found.", "a"],
      ["Package 'a' not found.", "a"],
      ["No match for argument: a", "a"],
      ["Error: Unable to find a match: a b", "a, b"],
      ["No package matches 'a'", "a"],
      ["error: target not found: a", "a"],
      ["E: Couldn't find these debs: a b", "a, b"],
    ];
    for (const [line, names] of hints) expect(told(line).hint).toContain(`has: ${names}. `);
    expect(
      told("No match for argument: a", "No match for argument: a", "No match for argument: b").hint,
    ).toContain("has: a, b. ");
  });

  it("tells a full disk, whoever meets it", () => {
    for (const line of [
      "dpkg: error: failed to write: No space left on device",
      "E: You don't have enough free space in /var/cache/apt/archives/.",
      "OSError: [Errno 122] Disk quota exceeded",
    ])
      expect(told(line, error("KiwiInstallPhaseFailed: x"))).toMatchObject({ code: "disk_full" });
  });

  it("names the program that is missing, but does not mind a missing jing", () => {
    expect(
      told(error('KiwiCommandNotFound: Command "debootstrap" not found in the environment')),
    ).toMatchObject({
      code: "build_tool_missing",
      hint: expect.stringContaining("the program debootstrap"),
    });
    const jing = '[ WARNING ]: 20:00:00 | Command "jing" not found in the environment';
    expect(told(jing, error("KiwiSomething: else")).code).toBe("build_failed");
  });

  it("tells signatures, dependencies, locks and rights apart", () => {
    expect(told(error("E: The repository 'x' is not signed.")).hint).toContain("signature");
    expect(told("W: GPG error: NO_PUBKEY 1", error("KiwiSomething: else")).hint).not.toContain("signature");
    expect(told("Problem: nothing provides b needed by a").hint).toContain("need others");
    expect(told("E: Could not get lock /var/lib/dpkg/lock").hint).toContain("lock");
    expect(told(error("KiwiPrivilegesError: operation requires root privileges")).hint).toContain("root");
  });
});

describe("a build that failed, nobody knows why", () => {
  it("still says how kiwi ended", () => {
    expect(explainKiwiFailure(3, [])).toEqual({
      code: "build_failed",
      message: "kiwi ended with exit code 3.",
      hint: expect.stringContaining("log"),
    });
  });

  it("suspects memory when kiwi was killed", () => {
    expect(explainKiwiFailure(137, ["x"]).hint).toContain("memory");
  });

  it("keeps how a long error begins and how it ends", () => {
    const { message } = told(error(`KiwiFailed: begin ${"x".repeat(5000)} end`));
    expect(message).toMatch(/KiwiFailed: begin x.* \.\.\. .*x end$/u);
    expect(message.length).toBeLessThan(700);
  });

  it("takes the last error, and no line after it", () => {
    const { message } = told(
      error("First: a"),
      error("Second: b"),
      "more",
      "[ INFO    ]: 20:00:00 | Cleaning up",
    );
    expect(message).toBe("kiwi ended with exit code 1: Second: b more");
  });
});
