import { type JournalStep, settleJournal } from "../artifacts/journal.ts";
import { isoTime, listStored } from "../collection.ts";
import { isDomainError } from "../errors.ts";
import type { Ports } from "../ports/index.ts";
import type { Change } from "../ports/records.ts";
import type { RecordKind } from "../records.ts";
import { reapply } from "../retry.ts";

/** What has to change, in one commit, and what then has to happen to objects, for a record to change sides. */
export interface Departure {
  readonly changes: readonly Change[];
  readonly objects: readonly JournalStep[];
}

/**
 * Moves one record between live and trash: the records and the intended object moves in one commit, then the moves.
 * `plan` reads the record anew and may run several times.
 * @throws what `plan` throws: `not-found` when another caller was first.
 */
export async function changeSides(
  ports: Ports,
  id: string,
  plan: (now: string) => Promise<Departure>,
): Promise<void> {
  await reapply(ports, async () => {
    await settleJournal(ports, id);
    const now = isoTime(ports.clock.now());
    const { changes, objects } = await plan(now);
    await ports.records.commit([...changes, ...journalChanges(id, now, objects)]);
  });
  await settleJournal(ports, id);
}

/** The change that notes object steps for later, in the commit that decides them; none when there is nothing to do. */
export function journalChanges(id: string, created: string, steps: readonly JournalStep[]): Change[] {
  if (steps.length === 0) return [];
  return [{ op: "insert", kind: "object-journal", id, value: { id, created, steps: [...steps] } }];
}

/**
 * Applies an operation to every record of a kind. Goes on past one that fails and then throws the first failure; a
 * record that is gone meanwhile is as wanted.
 */
export async function forEachRecord(
  ports: Pick<Ports, "records">,
  kind: RecordKind,
  apply: (id: string) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  for (const { id } of await listStored(ports.records, kind))
    await apply(id).catch((error: unknown) => {
      if (!isDomainError(error, "not-found")) failures.push(error);
    });
  if (failures.length > 0) throw failures[0];
}

/** Resumes the object steps that a crash left behind. Answers how many records it settled. */
export async function settleAllJournals(ports: Ports): Promise<number> {
  const pending = await listStored(ports.records, "object-journal");
  for (const { id } of pending)
    await settleJournal(ports, id).catch((error: unknown) =>
      ports.telemetry.emit({ event: "journal-stuck", level: "error", id, reason: String(error) }),
    );
  return pending.length;
}
