import { setTimeout as timeout } from "node:timers/promises";
import type { Clock } from "../../core/ports/clock.ts";

/** The longest that a timer of Node.js takes; a longer one would go off at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The machine's clock. */
export function createSystemClock(): Clock {
  return { now: () => Date.now(), sleep };
}

async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  try {
    for (let left = milliseconds; left > 0; left -= LONGEST_TIMER)
      await timeout(Math.min(left, LONGEST_TIMER), undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted(); // the timer's own error hides the reason
    throw error;
  }
}
