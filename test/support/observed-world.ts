import * as v from "valibot";
import { addressOf, type Link } from "../../core/artifacts/link.ts";
import { MANIFEST_TYPE } from "../../core/artifacts/manifest.ts";
import type { ArtifactInfo, Artifacts } from "../../core/ports/artifacts.ts";
import type { Records } from "../../core/ports/records.ts";
import { text as textOf } from "node:stream/consumers";
import { Readable } from "node:stream";
import type { RecordState, World } from "./record-life.ts";

interface Found {
  readonly info: ArtifactInfo;
  readonly text: string;
}

const DeletedManifest = v.looseObject({
  artifacts: v.array(v.looseObject({ type: v.string(), link: v.looseObject({ path: v.string() }) })),
});

type Objects = Map<string, Found>;

/** What the stores hold, in the model's words. Throws when records and objects do not agree. */
export async function observedWorld(records: Records, artifacts: Artifacts): Promise<World> {
  const objects = await allObjects(artifacts);
  const world: Record<string, RecordState> = {};
  for (const [kind, name, side] of SIDES)
    for (const { id, value } of (await records.list(kind)).records) {
      if (world[id] !== undefined) throw new Error(`${id} is on two sides`);
      const arch = "arch" in value ? value.arch : "x86_64";
      const link = "link" in value ? value.link : null;
      world[id] = { kind: name, side, arch, ...ownObjects(objects, name, id, side, link) };
    }
  await checkClaims(records);
  return { records: world, loose: looseFolders(objects) };
}

/** Each link of a live record is claimed by it, and nothing else is. */
async function checkClaims(records: Records): Promise<void> {
  const links = [];
  for (const kind of ["image", "recipe"] as const)
    for (const { id, value } of (await records.list(kind)).records)
      if (value.link !== null) links.push(`${value.link.path} of ${id}`);
  const claims = (await records.list("link-claim")).records.map(
    ({ value: { path, owner } }) => `${path} of ${owner}`,
  );
  if (claims.toSorted(byText).join() !== links.toSorted(byText).join())
    throw new Error(`claimed are ${claims.join()}; linked are ${links.join()}`);
}

const byText = (a: string, b: string) => (a < b ? -1 : 1);

async function allObjects(artifacts: Artifacts): Promise<Objects> {
  const objects: Objects = new Map();
  for (const bucket of ["ims", "boot-images"])
    for await (const info of artifacts.list(bucket, "")) {
      const body = (await artifacts.read(info))?.body ?? [];
      objects.set(info.key, { info, text: await textOf(Readable.from(body)) });
    }
  return objects;
}

function ownObjects(
  objects: Objects,
  kind: RecordState["kind"],
  id: string,
  side: RecordState["side"],
  link: Link | null,
): Pick<RecordState, "folder" | "linked" | "objects"> {
  if (kind === "public-keys") return { linked: false, folder: id, objects: {} };
  const folder = kind === "recipes" ? `recipes/${id}` : folderOf(objects, id, side, link?.path);
  const owned = take(objects, `${side === "trash" ? "deleted/" : ""}${folder}/`);
  if (link !== null) checkLink(owned, side, link, id);
  return { linked: link !== null, folder, objects: owned.texts };
}

const SIDES = [
  ["image", "images", "live"],
  ["recipe", "recipes", "live"],
  ["public-key", "public-keys", "live"],
  ["deleted-image", "images", "trash"],
  ["deleted-recipe", "recipes", "trash"],
  ["deleted-public-key", "public-keys", "trash"],
] as const;

function folderOf(objects: Objects, id: string, side: RecordState["side"], path: string | undefined): string {
  if (path === undefined) return id;
  const { key } = addressOf({ path });
  if (side === "live") return key.replace(/\/manifest\.json$/u, "");
  const manifest = objects.get(key);
  objects.delete(key);
  const { artifacts } = v.parse(DeletedManifest, JSON.parse(manifest?.text ?? "{}"));
  const entry = artifacts.find(({ type }) => type === MANIFEST_TYPE);
  return addressOf(entry?.link ?? { path: "" }).key.replace(/^deleted\/(.*)\/manifest\.json$/u, "$1");
}

/** Takes the objects of a folder out of those that are found. */
function take(objects: Objects, prefix: string) {
  const texts: Record<string, string> = {};
  const infos: Record<string, ArtifactInfo> = {};
  for (const [key, { info, text }] of objects) {
    const name = key.slice(prefix.length);
    if (!key.startsWith(prefix) || name.includes("/")) continue;
    objects.delete(key);
    infos[name] = info;
    if (name === "manifest.json") continue;
    texts[name] = text;
    const { of } = info.metadata;
    if (of !== undefined && of !== text) throw new Error(`${key} has lost its metadata`);
  }
  return { texts, infos };
}

function checkLink(
  { infos, texts }: ReturnType<typeof take>,
  side: RecordState["side"],
  link: Link,
  id: string,
): void {
  const name = texts["recipe.tar.gz"] === undefined ? "manifest.json" : "recipe.tar.gz";
  const info = infos[name];
  if (info === undefined) throw new Error(`${id} has lost what its link names`);
  const shown = side === "live" || name === "recipe.tar.gz";
  if (shown && (link.etag !== info.etag || link.path !== `s3://${info.bucket}/${info.key}`))
    throw new Error(`${id} has a link that is not that of its object`);
}

function looseFolders(objects: Objects): World["loose"] {
  const loose: Record<string, Record<string, string>> = {};
  for (const [key, { text }] of objects) {
    if (/^(?:deleted|uploads)\//u.test(key)) throw new Error(`${key} belongs to nobody`);
    const at = key.lastIndexOf("/");
    const [folder, name] = [key.slice(0, at), key.slice(at + 1)];
    const texts = (loose[folder] ??= {});
    if (name !== "manifest.json") texts[name] = text;
  }
  return loose;
}
