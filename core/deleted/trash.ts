import type { JournalStep } from "../artifacts/journal.ts";
import { isoTime } from "../collection.ts";
import { isDomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Ports } from "../ports/index.ts";
import type { Change } from "../ports/records.ts";
import { reapply } from "../retry.ts";

/** What has to change, in one commit, and what then has to happen to objects, for a record to change sides. */
export interface Departure {
  readonly changes: readonly Change[];
  readonly objects: readonly JournalStep[];
}

/**
 * Moves one record between live and trash: the records and the intended object moves in one commit, then the moves,
 * for which nobody waits past `patience`. `plan` reads the record anew and may run several times.
 * @throws what `plan` throws: `not-found` when another caller was first.
 */
export async function changeSides(
  ports: CorePorts,
  id: string,
  plan: (now: string) => Promise<Departure>,
  patience = ports.journals.patience(),
): Promise<void> {
  const moves = await reapply(ports, async () => {
    const { changes, objects } = await sure(() => plan(isoTime(ports.clock.now())));
    await ports.records.commit([...changes, ...journalChanges(ports, id, objects)]);
    return objects.length > 0;
  });
  if (moves) await ports.journals.follow(id, patience);
}

const LOOKS = 3;

/**
 * Another caller may be moving the very objects that a plan looks at, which then seem to be gone or in the way. A plan
 * that begins anew waits until that is done, and finds the record changed or the reason for its refusal still there.
 */
async function sure(plan: () => Promise<Departure>): Promise<Departure> {
  for (let look = 1; ; look += 1)
    try {
      return await plan();
    } catch (error) {
      if (look === LOOKS || !isDomainError(error, "invalid")) throw error;
    }
}

/** The change that notes object steps for later, in the commit that decides them; none when there is nothing to do. */
export function journalChanges(
  { clock, ids }: Pick<Ports, "clock" | "ids">,
  id: string,
  steps: readonly JournalStep[],
): Change[] {
  if (steps.length === 0) return [];
  const value = { id, created: isoTime(clock.now()), nonce: ids.uuid(), steps: [...steps] };
  return [{ op: "insert", kind: "object-journal", id, value }];
}
