import { describe, expect, it } from "vitest";
import { addUp } from "../../infra/ci/totals.ts";

const report = (passed: number, failed = 0, pending = 0, todo = 0) =>
  JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: pending,
    numTodoTests: todo,
  });

describe("adding up a run of CI", () => {
  it("sums what the steps report", () => {
    const steps = [
      { name: "test", exitCode: 0, report: report(3) },
      { name: "check", exitCode: 0 },
      { name: "build", exitCode: 1, report: report(1, 2) },
    ];
    expect(addUp(steps)).toEqual({ passed: 4, failed: 2, remarks: [] });
  });

  it("counts a skipped test, or one that is still to be written, as failed", () => {
    const totals = addUp([{ name: "build", exitCode: 0, report: report(1, 0, 1, 1) }]);
    expect(totals).toMatchObject({
      passed: 1,
      failed: 2,
      remarks: [expect.stringContaining("2 tests were skipped")],
    });
  });

  it.each([
    ["a check without tests", undefined],
    ["a run of tests that left no report", ""],
    ["a run in which a file could not even be loaded", report(5)],
  ])("counts %s as one failure when it fails", (_what, text) => {
    expect(addUp([{ name: "step", exitCode: 2, report: text }])).toMatchObject({
      failed: 1,
      remarks: ["step ended with exit code 2"],
    });
  });
});
