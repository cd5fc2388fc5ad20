import { DomainError } from "./errors.ts";
import type { Clock } from "./ports/clock.ts";

/**
 * What `work` answers, if it does so within the limit. What takes longer goes on unheard: only for calls that are safe
 * to repeat. @throws `unavailable` when it took too long.
 */
export async function within<T>(
  clock: Clock,
  milliseconds: number,
  what: string,
  work: Promise<T>,
): Promise<T> {
  const answered = new AbortController();
  const late = clock.sleep(milliseconds, answered.signal).then((): never => {
    throw new DomainError("unavailable", `${what} took longer than ${milliseconds / 1000} s.`);
  });
  late.catch(() => undefined);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    answered.abort();
  }
}
