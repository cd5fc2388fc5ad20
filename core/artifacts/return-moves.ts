import { DomainError } from "../errors.ts";
import type { ArtifactAddress, Artifacts } from "../ports/artifacts.ts";
import { type JournalStep, restoredAddress } from "./journal.ts";

/**
 * The step that brings an object back from the trash: none for one that is gone (behaviour 94) or not in the trash.
 * @throws `invalid` when another object is in the way, which the original overwrites without notice (behaviour 95).
 */
export async function returnMove(artifacts: Artifacts, from: ArtifactAddress): Promise<JournalStep[]> {
  const to = restoredAddress(from);
  if (to.key === from.key || (await artifacts.stat(from)) === undefined) return [];
  if ((await artifacts.stat(to)) !== undefined)
    throw new DomainError(
      "invalid",
      `There is another object at s3://${to.bucket}/${to.key}; it would be overwritten.`,
    );
  return [{ do: "move", from, to }];
}
