import { describe, expect, it } from "vitest";
import { outcomeOf, withoutGaps } from "../../infra/fuzz/outcome.ts";

const report = (change: object = {}) =>
  JSON.stringify({
    complete: true,
    operations: { total: 3, tested: 3, errored: 0 },
    phases: { fuzzing: { status: "success" } },
    test_cases: { generated: 50 },
    failures: [],
    errors: [],
    valid_rates: { "GET /a": { coverage: { accepted: 0 }, fuzzing: { accepted: 2 } } },
    ...change,
  });

describe("what a run of the fuzzer comes to", () => {
  it("is every operation passed when nothing was found", () => {
    expect(outcomeOf("all", report(), 0)).toMatchObject({ passed: 3, failed: 0, cases: 50, remarks: [] });
  });

  it("counts each failure and each error", () => {
    const found = report({ failures: [{}], errors: [{}] });
    expect(outcomeOf("all", found, 1)).toMatchObject({ passed: 1, failed: 2, remarks: [] });
  });

  it.each([
    ["left no report", undefined, 1],
    ["left no report, though it seemed to end well", "", 0],
    ["left something else", "{}", 0],
    ["was cut short", report({ complete: false }), 0],
    ["tried nothing", report({ operations: { total: 3, tested: 0, errored: 0 } }), 0],
    ["failed without saying why", report(), 2],
  ])("is a failure when it %s", (_, text, exitCode) => {
    const { failed, remarks } = outcomeOf("all", text, exitCode);
    expect([failed, remarks]).toEqual([1, [expect.stringContaining("all: ")]]);
  });

  it("can demand that every operation accepted something", () => {
    const never = report({ valid_rates: { "GET /a": { coverage: { accepted: 0 } } } });
    expect(withoutGaps("all", outcomeOf("all", never, 0))).toMatchObject({
      passed: 2,
      failed: 1,
      remarks: ["all: no request was accepted by GET /a"],
    });
    expect(withoutGaps("all", outcomeOf("all", report(), 0))).toMatchObject({ passed: 3, failed: 0 });
  });
});
