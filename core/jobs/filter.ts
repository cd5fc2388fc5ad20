import { DomainError } from "../errors.ts";
import type { Job } from "./job.ts";
import { JOB_STATUSES, JOB_TYPES } from "./status.ts";

/** Query of `GET` and `DELETE /jobs` as it came; filters combine with AND (behaviour 179 to 184). */
export interface JobQuery {
  readonly status?: readonly string[] | undefined;
  readonly job_type?: string | undefined;
  readonly age?: string | undefined;
}

const UNIT_MS = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000 } as const;
const AGE = /^(?:\d+[wdhm])+$/u;

/** @throws `bad-request` for a word that is no status or type, or an age without units. */
export function jobFilter(query: JobQuery, now: number): (job: Job) => boolean {
  const statuses = query.status?.map((word) => oneOf("status", JOB_STATUSES, word.toLowerCase()));
  const type = query.job_type === undefined ? undefined : oneOf("job_type", JOB_TYPES, query.job_type);
  // Older ones are meant, so that a clean-up keeps what is recent (behaviour 181).
  const before = query.age === undefined ? undefined : now - ageInMs(query.age);
  return (job) =>
    (statuses === undefined || statuses.length === 0 || statuses.includes(job.status)) &&
    (type === undefined || job.job_type === type) &&
    (before === undefined || Date.parse(job.created) < before);
}

function oneOf<T extends string>(name: string, words: readonly T[], word: string): T {
  const found = words.find((known) => known === word);
  if (found === undefined)
    throw new DomainError("bad-request", `The ${name} ${word} is none of ${words.join(", ")}.`);
  return found;
}

/**
 * Weeks, days, hours and minutes such as `1w2d`. The original takes anything else for zero, which makes a deletion
 * match every job (behaviour 183); here it is refused.
 */
function ageInMs(age: string): number {
  if (!AGE.test(age)) throw badAge(age);
  let total = 0;
  for (const [, count, unit] of age.matchAll(/(\d+)([wdhm])/gu)) {
    const factor = Object.entries(UNIT_MS).find(([letter]) => letter === unit)?.[1] ?? 0;
    total += Number(count) * factor;
  }
  // A Date reaches 8.64e15 ms from the epoch; an age beyond a thousand years is a slip.
  if (!Number.isSafeInteger(total) || total > 1000 * 366 * UNIT_MS.d) throw badAge(age);
  return total;
}

function badAge(age: string): DomainError {
  return new DomainError(
    "bad-request",
    `The age ${age.slice(0, 40)} is not a number of w, d, h or m, such as 1w2d.`,
  );
}
