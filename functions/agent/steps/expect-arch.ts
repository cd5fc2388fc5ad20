import { StepFailure, type StepContext } from "../step.ts";

/** A recipe for another machine would silently become an image of this one. */
export function expectArch({ plan, tools }: StepContext): void {
  const machine = tools.kiwi.machineArch;
  if (machine === plan.arch) return;
  throw new StepFailure(
    "not_supported",
    `The job wants ${plan.arch}, and this machine is ${machine ?? "another"}.`,
    {
      hint: `Run the service, or a build node, on a machine of the architecture ${plan.arch}.`,
    },
  );
}
