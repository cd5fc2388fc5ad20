import { getStored, listStored } from "../collection.ts";
import { isDomainError } from "../errors.ts";
import type { Ports } from "../ports/index.ts";
import type { Records, Stored } from "../ports/records.ts";
import type { RecordKind } from "../records.ts";
import { within } from "../time-limit.ts";
import type { ArtifactAddress } from "../ports/artifacts.ts";
import { carryOutJournal, placesOf } from "./journal.ts";

/** Carries out the object journals, each by one flight at a time, which all who need it join. */
export interface Journals {
  /**
   * Finishes what is pending for a record, if anything.
   * @throws `unavailable` when that takes longer than `IMS_MOVE_WAIT`, and what the stores throw.
   */
  settle(id: string): Promise<void>;
  /**
   * The record, read while nothing was pending for it. Its objects are then where it says, and whoever decides about
   * them may commit on this version: every journal is committed together with another version of its record.
   * @throws `not-found`, and what `settle` throws.
   */
  getSettled<K extends RecordKind>(kind: K, id: string): Promise<Stored<K>>;
  /** Finishes what is pending for any record and touches this object, before somebody else counts on it. */
  settleAt(address: ArtifactAddress): Promise<void>;
  /** When a change that starts now stops waiting for its objects. Milliseconds, as the clock has it. */
  patience(): number;
  /**
   * Carries out what a change has just committed. What is not done by `until`, or fails because a store is out of reach,
   * is left to `settleAll`: the change itself is decided, and must not look refused.
   */
  follow(id: string, until: number): Promise<void>;
  /** Goes on with all that is pending: after a crash, a failure, or a wait that was too long. Ends early by the signal. */
  settleAll(signal?: AbortSignal): Promise<void>;
}

type JournalsPorts = Pick<Ports, "records" | "artifacts" | "clock" | "telemetry">;

export function createJournals(ports: JournalsPorts, moveWaitSeconds: number): Journals {
  const { records, clock, telemetry } = ports;
  const flights = new Map<string, Promise<void>>();
  const stuck = new Set<string>();

  /** Of two flights at once the slower one could undo, move by move, what a later journal does. */
  function flight(id: string): Promise<void> {
    const begun = flights.get(id);
    if (begun !== undefined) return begun;
    const ours = carryOutJournal(ports, id).finally(() => flights.delete(id));
    flights.set(id, ours);
    return ours;
  }

  const pending = async (id: string) => (await records.get("object-journal", id)) !== undefined;

  /** The flight that is joined may be about to land with the journal before this one: look again. */
  async function untilSettled(id: string): Promise<void> {
    do await flight(id);
    while (await pending(id));
  }

  const settleWithin = (id: string, milliseconds: number) =>
    within(clock, milliseconds, "Moving the objects of this record", untilSettled(id));

  async function settle(id: string): Promise<void> {
    if (await pending(id)) await settleWithin(id, moveWaitSeconds * 1000);
  }

  async function goOn(id: string): Promise<void> {
    try {
      await settle(id);
      stuck.delete(id);
    } catch (error) {
      if (!stuck.has(id))
        telemetry.emit({ event: "journal-stuck", level: "error", id, reason: String(error) });
      stuck.add(id);
    }
  }

  return {
    settle,
    async getSettled(kind, id) {
      for (;;) {
        const found = await getStored(records, kind, id);
        if (!(await pending(id))) return found;
        await settle(id);
      }
    },
    settleAt: async (address) => void (await Promise.all((await pendingAt(records, address)).map(settle))),
    patience: () => clock.now() + moveWaitSeconds * 1000,
    async follow(id, until) {
      const left = until - clock.now();
      if (left <= 0) return;
      await settleWithin(id, left).catch((error: unknown) => {
        if (!isDomainError(error, "unavailable") && !isDomainError(error, "storage-full")) throw error;
        telemetry.emit({ event: "moves-left", level: "warn", id, reason: String(error) });
      });
    },
    async settleAll(signal) {
      const early = signal === undefined ? [] : [aborted(signal)];
      for (const { id } of await listStored(records, "object-journal")) {
        if (signal?.aborted === true) return;
        await Promise.race([goOn(id), ...early]);
      }
    },
  };
}

async function aborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Of the records whose journals touch this object. */
async function pendingAt(records: Records, { bucket, key }: ArtifactAddress): Promise<string[]> {
  const touches = (place: ArtifactAddress) => place.bucket === bucket && place.key === key;
  return (await listStored(records, "object-journal"))
    .filter(({ value }) => value.steps.some((step) => placesOf(step).some(touches)))
    .map(({ id }) => id);
}
