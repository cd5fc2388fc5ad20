import * as v from "valibot";
import { type JournalStep, restoredAddress } from "../artifacts/journal.ts";
import { addressOf, type Link, linkTo } from "../artifacts/link.ts";
import { claimLink, holderOf } from "../artifacts/link-claim.ts";
import { MANIFEST_TYPE, readManifestJson } from "../artifacts/manifest.ts";
import { returnMove } from "../artifacts/return-moves.ts";
import { getStored } from "../collection.ts";
import type { ReturnRules } from "../deleted/deleted-records.ts";
import { DomainError } from "../errors.ts";
import type { Ports } from "../ports/index.ts";

const DeletedManifest = v.looseObject({
  artifacts: v.array(v.object({ type: v.string(), link: v.object({ path: v.string() }) })),
});
type Entries = v.InferOutput<typeof DeletedManifest>["artifacts"];

/** Behaviour 90 to 99: what a deleted image's manifest names comes back with it, or goes for good with it. */
export function imageReturn(ports: Ports): ReturnRules {
  const { records, artifacts } = ports;

  async function leaveTrash(id: string) {
    const { value, version } = await getStored(records, "deleted-image", id);
    return { value, removal: { op: "remove", kind: "deleted-image", id, version } as const };
  }

  /** `undefined`: there is no manifest that could be read. @throws `invalid` when it has no list of artifacts. */
  async function entriesOf(link: Link): Promise<Entries | undefined> {
    const manifest = await readManifestJson(artifacts, link);
    if (manifest === undefined) return undefined;
    const parsed = v.safeParse(DeletedManifest, manifest);
    if (parsed.success) return parsed.output.artifacts;
    throw new DomainError("invalid", `The manifest ${link.path} does not contain a list of artifacts.`);
  }

  async function restoredLink(link: Link, entries: Entries): Promise<Link> {
    const manifest = entries.find(({ type }) => type === MANIFEST_TYPE);
    // An image that went to the trash without its objects still has its own manifest (behaviour 93).
    if (manifest === undefined) return link;
    const from = addressOf(manifest.link);
    const info = await artifacts.stat(from);
    return linkTo(restoredAddress(from), info?.etag ?? "");
  }

  async function returned(link: Link | null): Promise<{ link: Link | null; objects: JournalStep[] }> {
    if (link === null) return { link, objects: [] };
    const entries = await entriesOf(link);
    if (entries === undefined) throw new DomainError("invalid", `Unable to read manifest file ${link.path}.`);
    const objects: JournalStep[] = [];
    for (const entry of entries) objects.push(...(await returnMove(artifacts, addressOf(entry.link))));
    const back = await restoredLink(link, entries);
    if (back.path !== link.path) objects.push({ do: "remove", at: addressOf(link) });
    return { link: back, objects };
  }

  /** Objects that never moved may belong to another image by now. */
  async function doomed(link: Link | null): Promise<JournalStep[]> {
    if (link === null || (await holderOf(ports, "image", link)) !== undefined) return [];
    const entries = await entriesOf(link);
    if (entries === undefined) return [];
    const paths = [...entries.map((entry) => entry.link.path), link.path];
    return paths.map((path) => ({ do: "remove", at: addressOf({ path }) }));
  }

  return {
    async restore(id) {
      const { value, removal } = await leaveTrash(id);
      const { deleted: _deleted, ...image } = value;
      const { link, objects } = await returned(image.link);
      const claim = link === null ? [] : [await claimLink(ports, { kind: "image", id }, link)];
      const insertion = { op: "insert", kind: "image", id, value: { ...image, link } } as const;
      return { changes: [removal, insertion, ...claim], objects };
    },
    async purge(id) {
      const { value, removal } = await leaveTrash(id);
      return { changes: [removal], objects: await doomed(value.link) };
    },
  };
}
