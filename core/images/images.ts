import type { Arch } from "../arch.ts";
import type { Link } from "../artifacts/link.ts";
import { changeLink, type EtagRemark, remarkEtag, type WantedLink } from "../artifacts/link-change.ts";
import { checkManifest } from "../artifacts/manifest.ts";
import { getJson, getStored, isoTime, listValues } from "../collection.ts";
import { forEachRecord } from "../deleted/each-record.ts";
import { changeSides } from "../deleted/trash.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Json } from "../json.ts";
import { reapply } from "../retry.ts";
import type { Settings } from "../settings.ts";
import { asOriginal, type Image, type OriginalImage } from "./image.ts";
import { createImageDeparture } from "./image-departure.ts";

export interface NewImage {
  readonly name: string;
  readonly link: WantedLink | null;
  readonly arch: Arch;
  readonly metadata: Readonly<Record<string, string>>;
}

export type MetadataPatch =
  | { readonly operation: "set"; readonly key: string; readonly value?: string | undefined }
  | { readonly operation: "remove"; readonly key: string; readonly value?: string | undefined };

export interface ImagePatch {
  readonly link?: WantedLink | undefined;
  readonly arch?: Arch | undefined;
  readonly metadata?: MetadataPatch | undefined;
}

export interface Images {
  list(): Promise<Json<Image[]>>;
  get(id: string): Promise<Json<Image>>;
  /** The same for the second generation. */
  listOriginal(): Promise<OriginalImage[]>;
  getOriginal(id: string): Promise<OriginalImage>;
  /** @throws `invalid` or `bad-request` when the manifest is not usable or another image has it. */
  create(wanted: NewImage, remark?: EtagRemark): Promise<Image>;
  /** All or nothing. @throws `conflict` for another link than the image has already. */
  update(id: string, patch: ImagePatch, remark?: EtagRemark): Promise<Image>;
  /** To the trash, its artifacts with it. */
  remove(id: string): Promise<void>;
  removeAll(): Promise<void>;
  /** For good; `cascade` takes its artifacts along (behaviour 103 to 106, 128). */
  destroy(id: string, cascade: boolean): Promise<void>;
  destroyAll(cascade: boolean): Promise<void>;
}

export function createImages(ports: CorePorts, settings: Settings): Images {
  const { records, artifacts, clock, ids } = ports;
  const check = (link: Link) => checkManifest(artifacts, link);

  async function create(wanted: NewImage, remark?: EtagRemark): Promise<Image> {
    const id = ids.uuid();
    const created = isoTime(clock.now());
    return await reapply(ports, async () => {
      const linked = await changeLink(ports, { kind: "image", id }, null, wanted.link, check);
      const { link, changes } = linked;
      const { name, arch, metadata } = wanted;
      const value: Image = { id, created, name, link, arch, metadata: { ...metadata } };
      await records.commit([{ op: "insert", kind: "image", id, value }, ...changes]);
      remarkEtag(ports, { kind: "image", id }, linked, remark);
      return value;
    });
  }

  async function update(id: string, patch: ImagePatch, remark?: EtagRemark): Promise<Image> {
    return await reapply(ports, async () => {
      const { value: old, version } = await getStored(records, "image", id);
      const linked = await changeLink(ports, { kind: "image", id }, old.link, patch.link, check);
      const { link, changes } = linked;
      const metadata = patchMetadata(old.metadata, patch.metadata);
      const value: Image = { ...old, link, metadata, arch: patch.arch ?? old.arch };
      await records.commit([{ op: "replace", kind: "image", id, version, value }, ...changes]);
      remarkEtag(ports, { kind: "image", id }, linked, remark);
      return value;
    });
  }

  const { depart, end } = createImageDeparture(ports, settings.buckets.images);
  const destroy = (id: string, cascade: boolean, patience?: number) =>
    changeSides(ports, id, () => end(id, cascade), patience);
  const remove = (id: string, patience?: number) =>
    changeSides(ports, id, (now) => depart(id, now), patience);

  return {
    list: () => records.listJson("image"),
    get: (id) => getJson(records, "image", id),
    listOriginal: async () => (await listValues(records, "image")).map(asOriginal),
    getOriginal: async (id) => asOriginal((await getStored(records, "image", id)).value),
    create,
    update,
    remove: (id) => remove(id),
    removeAll: () => forEachRecord(ports, "image", remove),
    destroy: (id, cascade) => destroy(id, cascade),
    destroyAll: (cascade) => forEachRecord(ports, "image", (id, patience) => destroy(id, cascade, patience)),
  };
}

/** Behaviour 70 and 71: a missing value is empty, removing an unknown key changes nothing. */
function patchMetadata(
  metadata: Readonly<Record<string, string>>,
  patch: MetadataPatch | undefined,
): Record<string, string> {
  if (patch === undefined) return { ...metadata };
  if (patch.operation === "set") return { ...metadata, [patch.key]: patch.value ?? "" };
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== patch.key));
}
