import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { disturb, notable, undisturbed } from "../support/faults/cells.ts";
import { OPERATIONS } from "../support/faults/operations.ts";
import { FAULTS, type FaultProxy, startFaultProxy } from "../support/faults/proxy.ts";
import { localstack } from "../support/localstack.ts";

let proxy: FaultProxy;
beforeAll(async () => {
  proxy = await startFaultProxy(localstack().endpoint);
});
afterAll(() => proxy.close());

describe("an operation, one of whose calls to the stores goes wrong", () => {
  it.each(OPERATIONS.map((operation, n) => ({ operation, n, name: operation.name })))(
    "is done once or not at all and says so: $name",
    async ({ operation, n }) => {
      const course = await undisturbed(proxy, operation);
      const problems: string[] = [];
      for (const [k, { n: at }] of notable(course.calls).entries()) {
        const fault = FAULTS[(k + n) % FAULTS.length] ?? "500";
        problems.push(...(await disturb(proxy, course, { at, fault })));
      }
      expect(problems).toEqual([]);
    },
  );
});
