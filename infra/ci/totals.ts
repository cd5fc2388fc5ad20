import * as v from "valibot";

/** Of vitest's JSON report: what it ran. */
const Report = v.object({
  numPassedTests: v.number(),
  numFailedTests: v.number(),
  numPendingTests: v.number(),
  numTodoTests: v.number(),
});

/** A part of the run: its exit code, and the report of its tests if it has any. */
export interface Step {
  readonly name: string;
  readonly exitCode: number;
  /** JSON; `undefined` for a step that is not a run of tests. */
  readonly report?: string | undefined;
}

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  /** Why something counts as failed that no test reported. */
  readonly remarks: readonly string[];
}

function totalsOf(step: Step): Totals {
  const report = v.safeParse(v.pipe(v.string(), v.parseJson(), Report), step.report);
  const {
    numPassedTests: passed,
    numFailedTests,
    numPendingTests,
    numTodoTests,
  } = report.success
    ? report.output
    : { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
  const skipped = numPendingTests + numTodoTests;
  const skips =
    skipped === 0 ? [] : [`${step.name}: ${skipped} tests were skipped, which counts as failed here`];
  const failed = numFailedTests + skipped;
  if (failed > 0 || step.exitCode === 0) return { passed, failed, remarks: skips };
  return { passed, failed: 1, remarks: [`${step.name} ended with exit code ${step.exitCode}`] };
}

/** Tests that passed and failed in all steps. A skipped test, and a step that fails without a failed test, is a failure. */
export function addUp(steps: readonly Step[]): Totals {
  const all = steps.map((step) => totalsOf(step));
  return {
    passed: all.reduce((sum, { passed }) => sum + passed, 0),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
    remarks: all.flatMap(({ remarks }) => remarks),
  };
}
