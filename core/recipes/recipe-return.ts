import { type JournalStep, restoredAddress } from "../artifacts/journal.ts";
import { addressOf, type Link, linkTo } from "../artifacts/link.ts";
import { claimLink, holderOf } from "../artifacts/link-claim.ts";
import { requireObject } from "../artifacts/manifest.ts";
import { returnMove } from "../artifacts/return-moves.ts";
import type { ReturnRules } from "../deleted/deleted-records.ts";
import type { CorePorts } from "../core-ports.ts";

/** Behaviour 123 to 126: without its object a recipe stays in the trash; purging it removes the object too. */
export function recipeReturn(ports: CorePorts): ReturnRules {
  const { journals, artifacts } = ports;

  async function leaveTrash(id: string) {
    const { value, version } = await journals.getSettled("deleted-recipe", id);
    return { value, removal: { op: "remove", kind: "deleted-recipe", id, version } as const };
  }

  async function returned(link: Link | null) {
    if (link === null) return { link, objects: [] };
    const info = await requireObject(artifacts, link);
    const from = addressOf(link);
    const objects = await returnMove(artifacts, from);
    // A link that never left its place keeps the ETag it was given.
    return { link: objects.length === 0 ? link : linkTo(restoredAddress(from), info.etag), objects };
  }

  /** An object that never moved may belong to another recipe by now. */
  async function doomed(link: Link | null): Promise<JournalStep[]> {
    if (link === null || (await holderOf(ports, "recipe", link)) !== undefined) return [];
    return [{ do: "remove", at: addressOf(link) }];
  }

  return {
    async restore(id) {
      const { value, removal } = await leaveTrash(id);
      const { deleted: _deleted, ...recipe } = value;
      const { link, objects } = await returned(recipe.link);
      const claim = link === null ? [] : [await claimLink(ports, { kind: "recipe", id }, link)];
      const insertion = { op: "insert", kind: "recipe", id, value: { ...recipe, link } } as const;
      return { changes: [removal, insertion, ...claim], objects };
    },
    async purge(id) {
      const { value, removal } = await leaveTrash(id);
      return { changes: [removal], objects: await doomed(value.link) };
    },
  };
}
