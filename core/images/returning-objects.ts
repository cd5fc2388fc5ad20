import * as v from "valibot";
import { type JournalStep, restoredAddress } from "../artifacts/journal.ts";
import { addressOf, type Link, linkTo } from "../artifacts/link.ts";
import { holderOf } from "../artifacts/link-claim.ts";
import { MANIFEST_TYPE, readManifestJson } from "../artifacts/manifest.ts";
import { returnMove } from "../artifacts/return-moves.ts";
import { DomainError } from "../errors.ts";
import type { ArtifactInfo } from "../ports/artifacts.ts";
import type { CorePorts } from "../core-ports.ts";

const DeletedManifest = v.looseObject({
  artifacts: v.array(v.object({ type: v.string(), link: v.object({ path: v.string() }) })),
});
type Entries = v.InferOutput<typeof DeletedManifest>["artifacts"];

/** What happens to the objects of a deleted image when it comes back, and when it goes for good. */
export interface ReturningObjects {
  /** The link it comes back with, and the steps that bring its objects. @throws `invalid` when it must stay. */
  readonly returned: (
    id: string,
    link: Link | null,
  ) => Promise<{ link: Link | null; objects: JournalStep[] }>;
  readonly doomed: (id: string, link: Link | null) => Promise<JournalStep[]>;
}

export function createReturningObjects(ports: CorePorts, bucket: string): ReturningObjects {
  const { artifacts } = ports;

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
    if (manifest === undefined) return link;
    const from = addressOf(manifest.link);
    const info = await artifacts.stat(from);
    return linkTo(restoredAddress(from), info?.etag ?? "");
  }

  async function returned(
    id: string,
    link: Link | null,
  ): Promise<{ link: Link | null; objects: JournalStep[] }> {
    if (link === null) return { link, objects: await returnedUploads(id) };
    if (!wentAlong(id, link)) return { link, objects: await stayed(link) };
    const entries = await entriesOf(link);
    if (entries === undefined) throw unreadable(link);
    const objects: JournalStep[] = [];
    for (const entry of entries) objects.push(...(await returnMove(artifacts, addressOf(entry.link))));
    const back = await restoredLink(link, entries);
    if (back.path !== link.path) objects.push({ do: "remove", at: addressOf(link) });
    return { link: back, objects };
  }

  /** Of an image that went to the trash without its objects: its own manifest must be there (behaviour 93). */
  async function stayed(link: Link): Promise<JournalStep[]> {
    if ((await artifacts.stat(addressOf(link))) === undefined) throw unreadable(link);
    return [];
  }

  async function trashedUploads(id: string): Promise<ArtifactInfo[]> {
    return await Array.fromAsync(artifacts.list(bucket, `deleted/${id}/`));
  }

  async function returnedUploads(id: string): Promise<JournalStep[]> {
    const steps = [];
    for (const info of await trashedUploads(id))
      steps.push(...(await returnMove(artifacts, addressIn(info))));
    return steps;
  }

  /** Objects that never moved may belong to another image by now. */
  async function doomed(id: string, link: Link | null): Promise<JournalStep[]> {
    if (link === null)
      return (await trashedUploads(id)).map((info) => ({ do: "remove", at: addressIn(info) }));
    if ((await holderOf(ports, "image", link)) !== undefined) return [];
    const entries = await entriesOf(link).catch((error: unknown) => {
      // A manifest that is no object never had anything moved; the record must not be stuck for it (behaviour 84, 85).
      if (wentAlong(id, link)) throw error;
      return undefined;
    });
    if (entries === undefined) return [];
    const paths = [...entries.map((entry) => entry.link.path), link.path];
    return paths.map((path) => ({ do: "remove", at: addressOf({ path }) }));
  }

  return { returned, doomed };
}

/** Whether the link is to the manifest that is written when an image's objects go to the trash with it. */
const wentAlong = (id: string, link: Link) => link.path.endsWith(`/deleted/${id}/deleted_manifest.json`);

const unreadable = (link: Link) => new DomainError("invalid", `Unable to read manifest file ${link.path}.`);

const addressIn = ({ bucket, key }: ArtifactInfo) => ({ bucket, key });
