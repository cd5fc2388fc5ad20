import { addressOf, type Link, linkTo } from "../artifacts/link.ts";
import { linkConflict } from "../artifacts/link-change.ts";
import { claimLink } from "../artifacts/link-claim.ts";
import { discardStaged } from "../artifacts/staging.ts";
import type { CorePorts } from "../core-ports.ts";
import { journalChanges } from "../deleted/trash.ts";
import type { ArtifactAddress, ArtifactInfo } from "../ports/artifacts.ts";
import type { Change } from "../ports/records.ts";
import type { Recipe } from "./recipe.ts";

/** An upload that waits for its name, and what is to be committed with it, given the recipe as it then is. */
export interface StagedArchive {
  readonly staged: ArtifactInfo;
  readonly also?: (recipe: Recipe) => Promise<readonly Change[]>;
}

/**
 * Links a recipe to a staged upload. The commit decides which of two uploads is the recipe's; only then do its bytes get
 * their final name. Of a recipe that is linked only the same bytes are taken, and nothing changes.
 * @throws `conflict` for others, `lost-race`: to be tried again
 */
export async function linkArchive(
  ports: CorePorts,
  bucket: string,
  id: string,
  { staged, also = async () => [] }: StagedArchive,
): Promise<Recipe> {
  const { value: recipe, version } = await ports.journals.getSettled("recipe", id);
  if (recipe.link !== null) {
    await checkEqual(ports, recipe.link, staged);
    await ports.records.commit(await also(recipe));
    await discardStaged(ports, staged);
    return recipe;
  }
  const from: ArtifactAddress = { bucket, key: staged.key };
  const to: ArtifactAddress = { bucket, key: `recipes/${id}/recipe.tar.gz` };
  const link = linkTo(to, staged.etag);
  const value = { ...recipe, link };
  await ports.records.commit([
    { op: "replace", kind: "recipe", id, version, value },
    await claimLink(ports, { kind: "recipe", id }, link),
    ...(await also(value)),
    ...journalChanges(ports, id, [{ do: "move", from, to }]),
  ]);
  await ports.journals.settle(id);
  return value;
}

async function checkEqual({ artifacts }: CorePorts, link: Link, staged: ArtifactInfo): Promise<void> {
  const stored = await artifacts.stat(addressOf(link));
  if (stored?.sha256 === undefined || stored.sha256 !== staged.sha256) throw linkConflict();
}
