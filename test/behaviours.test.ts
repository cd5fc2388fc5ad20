import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

/**
 * The service is compatible with an original whose behaviour was observed case by case, under these numbers. A test that
 * holds a case names it: `(behaviour 12)` or `(behaviour 12, 136)`, no ranges, so that one can look for a number.
 */
const CASES = Array.from({ length: 205 }, (_, n) => n + 1);

/** Cases of parts that are not built yet. Whoever builds one moves its numbers into the names of its tests. */
const NOT_BUILT: Readonly<Record<number, string>> = {
  167: "choice among remote build nodes; jobs do not run on remote nodes yet",
};

const root = path.join(import.meta.dirname, "..");
const texts = globSync("test/**/*.{test,suite}.ts", { cwd: root }).map((file) => ({
  file,
  text: readFileSync(path.join(root, file), "utf8"),
}));
const named = new Set(
  texts.flatMap(({ text }) =>
    [...text.matchAll(/\(behaviour (\d+(?:, \d+)*)\)/gu)].flatMap(([, numbers = ""]) =>
      numbers.split(", ").map(Number),
    ),
  ),
);

describe("the observed behaviours of the original service", () => {
  it("are each named by a test, or by the list of what is not built yet", () => {
    expect(CASES.filter((number) => !named.has(number) && NOT_BUILT[number] === undefined)).toEqual([]);
  });

  it("are in the list of what is not built only as long as no test names them", () => {
    expect(
      Object.keys(NOT_BUILT)
        .map(Number)
        .filter((number) => named.has(number)),
    ).toEqual([]);
  });

  it("have no other numbers, and are named one by one", () => {
    expect([...named].filter((number) => !CASES.includes(number))).toEqual([]);
    const otherwise = texts.flatMap(({ file, text }) =>
      [...text.matchAll(/\(behaviours? \d[^)]*\)/gu)]
        .filter(([words]) => !/^\(behaviour \d+(?:, \d+)*\)$/u.test(words))
        .map(([words]) => `${file}: ${words}`),
    );
    expect(otherwise).toEqual([]);
  });
});
