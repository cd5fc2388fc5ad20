import type { StepContext } from "../step.ts";

/** Reports percent, but only when the whole number has changed: tools tell it thousands of times. */
export function percentReporter(context: StepContext, message: string): (done: number, all: number) => void {
  let last: number | undefined;
  return (done, all) => {
    const percent = all === 0 ? 100 : Math.min(100, Math.floor((done / all) * 100));
    if (percent === last) return;
    last = percent;
    context.progress({ message, percent });
  };
}
