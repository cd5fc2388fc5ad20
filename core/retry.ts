import { isDomainError } from "./errors.ts";
import type { Clock } from "./ports/clock.ts";
import type { Ids } from "./ports/ids.ts";

const DEADLINE_MS = 10_000;
const LONGEST_PAUSE_MS = 250;

/**
 * Runs a read-decide-commit step again when another caller was faster, with jitter, for up to 10 seconds. So a lost
 * race does not reach a client that sent no condition.
 */
export async function reapply<T>(ports: { clock: Clock; ids: Ids }, step: () => Promise<T>): Promise<T> {
  const deadline = ports.clock.now() + DEADLINE_MS;
  for (let pause = 2; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await step();
    } catch (error) {
      if (!isDomainError(error, "lost-race") || ports.clock.now() >= deadline) throw error;
      await ports.clock.sleep(pause * ports.ids.random());
    }
  }
}
