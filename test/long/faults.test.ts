import { describe, expect, it } from "vitest";
import { disturb, notable, undisturbed } from "../support/faults/cells.ts";
import { OPERATIONS } from "../support/faults/operations.ts";
import { type Fault, FAULTS, startFaultProxy } from "../support/faults/proxy.ts";
import { localstack } from "../support/localstack.ts";
import { withLocalstack } from "../support/own-localstack.ts";

/** What a store that is gone for good, or answers nobody, does; each costs as long as the service is patient. */
const LASTING: readonly Fault[] = ["refused", "answer lost", "throttled"];

withLocalstack();

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
        for (const { n: at } of notable(course.calls))
          for (const fault of LASTING)
            problems.push(...(await disturb(proxy, course, { at, fault, lasting: true })));
        expect(problems).toEqual([]);
      } finally {
        await proxy.close();
      }
    },
  );
});
