import * as v from "valibot";

const Rate = v.object({ accepted: v.number() });

/** Of schemathesis' JSON report: what it tried and what it found. */
const Report = v.object({
  complete: v.boolean(),
  operations: v.object({ total: v.number(), tested: v.number(), errored: v.number() }),
  phases: v.record(v.string(), v.object({ status: v.string() })),
  test_cases: v.object({ generated: v.number() }),
  failures: v.array(v.unknown()),
  errors: v.array(v.unknown()),
  valid_rates: v.record(v.string(), v.record(v.string(), Rate)),
});

/** What one run of the fuzzer comes to. Operations count, as tests do elsewhere. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly cases: number;
  /** Operations of which no request was accepted: what they answer then was not tried. */
  readonly neverAccepted: readonly string[];
  /** Why something counts as failed beside what the fuzzer prints. */
  readonly remarks: readonly string[];
}

/** `report` is the JSON text; a run without one, or one that was cut short, has failed. */
export function outcomeOf(name: string, report: string | undefined, exitCode: number): Outcome {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Report), report);
  if (!parsed.success) return nothing(`${name}: the fuzzer left no report (exit code ${exitCode})`);
  const { complete, operations, failures, errors, test_cases, valid_rates } = parsed.output;
  const found = failures.length + errors.length;
  const remarks = [
    ...(complete ? [] : [`${name}: the run was cut short`]),
    ...(operations.tested > 0 ? [] : [`${name}: no operation was tested`]),
    ...(exitCode === 0 || found > 0 ? [] : [`${name}: the fuzzer ended with exit code ${exitCode}`]),
  ];
  return {
    passed: Math.max(0, operations.tested - found),
    failed: found + remarks.length,
    cases: test_cases.generated,
    neverAccepted: Object.entries(valid_rates)
      .filter(([, phases]) => Object.values(phases).every(({ accepted }) => accepted === 0))
      .map(([operation]) => operation),
    remarks,
  };
}

/** What the fuzzer cannot bring about: a record's id deep in a body, and parts that were sent to signed URLs. */
const OUT_OF_REACH = new Set(["POST /v3/uploads", "POST /v3/uploads/{upload_id}/complete"]);

/** The same where every operation must have been accepted at least once. */
export function withoutGaps(name: string, outcome: Outcome): Outcome {
  const gaps = outcome.neverAccepted
    .filter((operation) => !OUT_OF_REACH.has(operation))
    .map((operation) => `${name}: no request was accepted by ${operation}`);
  return {
    ...outcome,
    passed: Math.max(0, outcome.passed - gaps.length),
    failed: outcome.failed + gaps.length,
    remarks: [...outcome.remarks, ...gaps],
  };
}

function nothing(remark: string): Outcome {
  return { passed: 0, failed: 1, cases: 0, neverAccepted: [], remarks: [remark] };
}
