import * as v from "valibot";
import type { ArtifactAddress, ArtifactInfo, Artifacts } from "../ports/artifacts.ts";
import type { Records } from "../ports/records.ts";
import { sourceOf } from "./text.ts";

const Address = v.object({ bucket: v.string(), key: v.string() });

const JournalStep = v.variant("do", [
  v.object({ do: v.literal("move"), from: Address, to: Address }),
  v.object({ do: v.literal("remove"), at: Address }),
  v.object({ do: v.literal("write"), to: Address, contentType: v.string(), text: v.string() }),
]);
export type JournalStep = v.InferOutput<typeof JournalStep>;

/**
 * What a commit has decided to do with objects and that is still to be carried out, in this order. It is written in the
 * same commit as the record's change and removed after its last step, so that a crash between the two leaves work to be
 * resumed, never a riddle. Its id is the record's, hence one at a time per record. Each step can be repeated.
 */
export const ObjectJournal = v.object({
  id: v.string(),
  created: v.string(),
  /** Tells one journal of a record from the next; those of an older service have none. */
  nonce: v.optional(v.string()),
  steps: v.array(JournalStep),
});
export type ObjectJournal = v.InferOutput<typeof ObjectJournal>;

export interface JournalPorts {
  readonly records: Records;
  readonly artifacts: Artifacts;
}

/**
 * Carries out what is pending for a record, if anything. Safe to repeat, but not beside itself: callers go through
 * `Journals`. Another process may still do the same work: who finds that it is done stops.
 */
export async function carryOutJournal({ records, artifacts }: JournalPorts, id: string): Promise<void> {
  const journal = await records.get("object-journal", id);
  if (journal === undefined) return;
  const { nonce } = journal.value;
  for (const step of journal.value.steps) {
    await carryOut(artifacts, step);
    if ((await records.get("object-journal", id))?.value.nonce !== nonce) return;
  }
  await records
    .commit([{ op: "remove", kind: "object-journal", id, version: journal.version }])
    .catch(async (error: unknown) => {
      if ((await records.get("object-journal", id))?.value.nonce === nonce) throw error;
    });
}

async function carryOut(artifacts: Artifacts, step: JournalStep): Promise<void> {
  switch (step.do) {
    case "move":
      return void (await artifacts.move(step.from, step.to));
    case "remove":
      return await artifacts.remove(step.at);
    case "write":
      return void (await artifacts.write(step.to, sourceOf(new TextEncoder().encode(step.text)), {
        contentType: step.contentType,
      }));
  }
}

/** Every place that a step reads or changes. */
export function placesOf(step: JournalStep): ArtifactAddress[] {
  if (step.do === "move") return [step.from, step.to];
  return [step.do === "remove" ? step.at : step.to];
}

/** Where an object in the trash came from; one that is not in the trash stays where it is (behaviour 93, 130). */
export function restoredAddress(address: ArtifactAddress): ArtifactAddress {
  return { bucket: address.bucket, key: address.key.replace(/^deleted\//u, "") };
}

/** An object that somebody still needs although its record may have been deleted: where it was, or in the trash. */
export async function findKept(
  artifacts: Artifacts,
  address: ArtifactAddress,
): Promise<ArtifactInfo | undefined> {
  return (await artifacts.stat(address)) ?? (await artifacts.stat(trashAddress(address)));
}

/** Where an object goes when its record is deleted softly: same bucket, key under `deleted/` (behaviour 77). */
export function trashAddress(address: ArtifactAddress): ArtifactAddress {
  return { bucket: address.bucket, key: `deleted/${address.key}` };
}
