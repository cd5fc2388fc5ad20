import type { JournalStep } from "../artifacts/journal.ts";
import { addressOf, type Link, linkTo } from "../artifacts/link.ts";
import { releaseLink } from "../artifacts/link-claim.ts";
import { trashMove } from "../artifacts/return-moves.ts";
import type { Departure } from "../deleted/trash.ts";
import type { Artifacts } from "../ports/artifacts.ts";
import type { CorePorts } from "../core-ports.ts";

/** How a recipe leaves the live records: `depart` into the trash, `end` for good. Both read it anew. */
export interface RecipeDeparture {
  readonly depart: (id: string, deleted: string) => Promise<Departure>;
  readonly end: (id: string, cascade: boolean) => Promise<Departure>;
}

export function createRecipeDeparture(ports: CorePorts): RecipeDeparture {
  const { journals, artifacts } = ports;

  async function depart(id: string, deleted: string): Promise<Departure> {
    const live = await journals.getSettled("recipe", id);
    const { link, objects } = await archiveDeparture(artifacts, live.value.link);
    return {
      changes: [
        { op: "remove", kind: "recipe", id, version: live.version },
        { op: "insert", kind: "deleted-recipe", id, value: { ...live.value, link, deleted } },
        ...(await releaseLink(ports, { kind: "recipe", id }, live.value.link)),
      ],
      objects,
    };
  }

  async function end(id: string, cascade: boolean): Promise<Departure> {
    const live = await journals.getSettled("recipe", id);
    return {
      changes: [
        { op: "remove", kind: "recipe", id, version: live.version },
        ...(await releaseLink(ports, { kind: "recipe", id }, live.value.link)),
      ],
      objects: cascade ? doomedArchive(live.value.link) : [],
    };
  }

  return { depart, end };
}

/** An archive that is gone keeps its link (behaviour 123); the link of one that moves gets its real ETag (121). */
async function archiveDeparture(
  artifacts: Artifacts,
  link: Link | null,
): Promise<Pick<Departure, "objects"> & { readonly link: Link | null }> {
  if (link === null) return { link, objects: [] };
  const move = await trashMove(artifacts, addressOf(link));
  if (move === undefined) return { link, objects: [] };
  return { link: linkTo(move.to, move.info.etag), objects: [move.step] };
}

function doomedArchive(link: Link | null): JournalStep[] {
  return link === null ? [] : [{ do: "remove", at: addressOf(link) }];
}
