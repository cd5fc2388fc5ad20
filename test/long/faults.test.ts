import { describe, expect, it } from "vitest";
import { type Cell, type Course, disturb, notable, undisturbed } from "../support/faults/cells.ts";
import { OPERATIONS } from "../support/faults/operations.ts";
import { type Fault, FAULTS, startFaultProxy } from "../support/faults/proxy.ts";
import { localstack } from "../support/localstack.ts";
import { withLocalstack } from "../support/own-localstack.ts";

/** What a store that is gone for good, or answers nobody, does; each costs as long as the service is patient. */
const LASTING: readonly Fault[] = ["refused", "answer lost", "throttled"];
/** So many of them wait at once. */
const LANES = 8;

withLocalstack();

async function disturbAlone(course: Course, cell: Cell): Promise<string[]> {
  const proxy = await startFaultProxy(localstack().endpoint);
  try {
    return await disturb(proxy, course, cell);
  } finally {
    await proxy.close();
  }
}

async function disturbForGood(course: Course): Promise<string[]> {
  const cells = notable(course.calls).flatMap(({ n: at }) =>
    LASTING.map((fault) => ({ at, fault, lasting: true })),
  );
  const problems: string[] = [];
  for (let at = 0; at < cells.length; at += LANES) {
    const some = cells.slice(at, at + LANES);
    problems.push(...(await Promise.all(some.map((cell) => disturbAlone(course, cell)))).flat());
  }
  return problems;
}

describe("an operation, each of whose calls to the stores goes wrong in each way", () => {
  it.each(OPERATIONS.map((operation) => ({ operation, name: operation.name })))(
    "is done once or not at all and says so: $name",
    async ({ operation }) => {
      const proxy = await startFaultProxy(localstack().endpoint);
      try {
        const course = await undisturbed(proxy, operation);
        const problems: string[] = [];
        for (const { n: at } of course.calls)
          for (const fault of FAULTS) problems.push(...(await disturb(proxy, course, { at, fault })));
        problems.push(...(await disturbForGood(course)));
        expect(problems).toEqual([]);
      } finally {
        await proxy.close();
      }
    },
  );
});
