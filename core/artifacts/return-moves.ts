import { DomainError } from "../errors.ts";
import type { ArtifactAddress, ArtifactInfo, Artifacts } from "../ports/artifacts.ts";
import { type JournalStep, restoredAddress, trashAddress } from "./journal.ts";

/** An object on its way to the trash: what it is, where it will be, and the step that brings it there. */
export interface TrashMove {
  readonly info: ArtifactInfo;
  readonly to: ArtifactAddress;
  readonly step: JournalStep;
}

/**
 * How an object goes to the trash with its record; `undefined` for one that is gone (behaviour 81).
 * @throws `invalid` when its place there is taken by what was deleted before, which the original overwrites.
 */
export async function trashMove(artifacts: Artifacts, from: ArtifactAddress): Promise<TrashMove | undefined> {
  const to = trashAddress(from);
  // In this order: an object that is moved between the two looks is then never taken for one in its own way.
  const taken = (await artifacts.stat(to)) !== undefined;
  const info = await artifacts.stat(from);
  if (info === undefined) return undefined;
  if (taken)
    throw new DomainError(
      "invalid",
      `The trash has another object at s3://${to.bucket}/${to.key}, which would be overwritten. ` +
        "Restore or purge the record that it belongs to, or delete this one for good.",
    );
  return { info, to, step: { do: "move", from, to } };
}

/**
 * The step that brings an object back from the trash: none for one that is gone (behaviour 94) or not in the trash.
 * @throws `invalid` when another object is in the way, which the original overwrites without notice (behaviour 95).
 */
export async function returnMove(artifacts: Artifacts, from: ArtifactAddress): Promise<JournalStep[]> {
  const to = restoredAddress(from);
  if (to.key === from.key) return [];
  const taken = (await artifacts.stat(to)) !== undefined;
  if ((await artifacts.stat(from)) === undefined) return [];
  if (taken)
    throw new DomainError(
      "invalid",
      `There is another object at s3://${to.bucket}/${to.key}; it would be overwritten.`,
    );
  return [{ do: "move", from, to }];
}
