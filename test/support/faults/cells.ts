import { auditObjects } from "../../../core/artifacts/audit.ts";
import { sweepStaging } from "../../../core/artifacts/staging.ts";
import type { Operation } from "./operations.ts";
import type { Call, Fault, FaultProxy } from "./proxy.ts";
import { shapeOf } from "./shape.ts";
import { type Bench, onFreshStorage } from "./stores.ts";

/** No client waits longer for an answer than this. */
const LONGEST_MS = 60_000;

/** An operation as it goes when nothing befalls it. */
export interface Course {
  readonly operation: Operation;
  readonly calls: readonly Call[];
  readonly status: number;
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Objects that no record names, before and after. */
  readonly loose: { readonly before: number; readonly after: number };
}

export async function undisturbed(proxy: FaultProxy, operation: Operation): Promise<Course> {
  return await onFreshStorage(proxy, async (bench) => {
    const send = await operation.prepare(bench.direct);
    const before = await shapeOf(bench);
    const looseBefore = await looseIn(bench);
    proxy.watch();
    const { status } = await send(bench.disturbed);
    const calls = proxy.calls();
    if (status >= 400) throw new Error(`${operation.name} is answered ${status} without a fault`);
    await recover(bench);
    const loose = { before: looseBefore, after: await looseIn(bench) };
    return { operation, calls, status, before, after: await shapeOf(bench), loose };
  });
}

const looseIn = async (bench: Bench): Promise<number> =>
  (await auditObjects(bench.direct.ports, bench.buckets)).orphans.length;

/** The fault, and whether it befalls one call or each from there on. */
export interface Cell {
  readonly at: number;
  readonly fault: Fault;
  readonly lasting?: boolean;
}

const READS = /^(?:GetItem|BatchGetItem|Query|Scan|GET .*|HEAD .*)$/u;

/** Of reads that are alike the first, and every write. */
export function notable(calls: readonly Call[]): readonly Call[] {
  return calls.filter(
    ({ n, name }) => !READS.test(name) || calls.findIndex((call) => call.name === name) === n,
  );
}

/** What is wrong after an operation that this befell; empty when all is well. */
export async function disturb(proxy: FaultProxy, course: Course, cell: Cell): Promise<string[]> {
  return await onFreshStorage(proxy, async (bench) => {
    const send = await course.operation.prepare(bench.direct);
    let hit = false;
    proxy.watch(({ n }) => {
      const struck = cell.lasting === true ? n >= cell.at : n === cell.at;
      hit ||= struck;
      return struck ? cell.fault : undefined;
    });
    const answer = await answered(send(bench.disturbed));
    proxy.watch();
    await recover(bench);
    const problems = [
      ...(hit ? [] : ["the call was never made"]),
      ...answerProblems(course, answer),
      ...(await stateProblems(bench, course, answer)),
    ];
    const what = `${course.operation.name}, ${cell.fault} at ${cell.at} (${course.calls[cell.at]?.name})`;
    return problems.map(
      (problem) => `${what}${cell.lasting === true ? " and from there on" : ""}: ${problem}`,
    );
  });
}

async function answered(sent: Promise<{ readonly status: number }>): Promise<number | "none"> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"none">((resolve) => {
    timer = setTimeout(() => resolve("none"), LONGEST_MS);
  });
  try {
    return await Promise.race([sent.then(({ status }) => status), late]);
  } finally {
    clearTimeout(timer);
  }
}

function answerProblems({ status }: Course, answer: number | "none"): string[] {
  if (answer === "none") return [`no answer within ${LONGEST_MS / 1000} s`];
  return answer === status || answer === 503 ? [] : [`answered ${answer}, not ${status} or 503`];
}

async function stateProblems(bench: Bench, course: Course, answer: number | "none"): Promise<string[]> {
  const drift = await auditObjects(bench.direct.ports, bench.buckets);
  const now = await shapeOf(bench);
  const acknowledged = answer === course.status;
  const isBefore = !acknowledged && same(now, course.before);
  const isLoose = drift.orphans.length > (isBefore ? course.loose.before : course.loose.after);
  const strange = [
    ...(isLoose ? drift.orphans.map(({ key }) => `orphan ${key}`) : []),
    ...drift.uploads.map(({ key }) => `upload ${key}`),
    ...drift.missing.map(({ record, address }) => `${record} misses ${address.key}`),
  ];
  if (course.operation.piecemeal === true && !acknowledged) return strange;
  if (isBefore || same(now, course.after)) return strange;
  return [...strange, `the stores hold\n${differences(now, course.after).join("\n")}`];
}

const same = (a: readonly string[], b: readonly string[]): boolean => a.join("\n") === b.join("\n");

function differences(now: readonly string[], wanted: readonly string[]): string[] {
  return [
    ...now.filter((line) => !wanted.includes(line)).map((line) => `  + ${line}`),
    ...wanted.filter((line) => !now.includes(line)).map((line) => `  - ${line}`),
  ];
}

/** As the service does by itself: at once for moves, after a day for uploads that were cut. */
async function recover({ direct, buckets }: Bench): Promise<void> {
  await direct.ims.recover();
  for (const bucket of Object.values(buckets))
    await sweepStaging(direct.ports, bucket, Number.MAX_SAFE_INTEGER);
}
