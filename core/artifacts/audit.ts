import * as v from "valibot";
import { listStored, listValues } from "../collection.ts";
import { type ArtifactName, ARTIFACT_NAMES } from "../images/uploaded-parts.ts";
import type { ArtifactAddress, ArtifactInfo, Artifacts } from "../ports/artifacts.ts";
import type { Records } from "../ports/records.ts";
import { placesOf } from "./journal.ts";
import { addressOf, type Link } from "./link.ts";
import { readManifestJson } from "./manifest.ts";
import { isStaged } from "./staging.ts";

/** Where records and objects do not agree. An answer of a moment: what changes meanwhile may show on either side. */
export interface Drift {
  /** Objects that no record names, live or in the trash, and no pending move. */
  readonly orphans: readonly ArtifactInfo[];
  /** Uploads that have not got their name yet: under way, or left by a request that died. */
  readonly uploads: readonly ArtifactInfo[];
  /** Objects that a record names and that are not there. */
  readonly missing: readonly { readonly record: string; readonly address: ArtifactAddress }[];
}

export interface AuditPorts {
  readonly records: Records;
  readonly artifacts: Artifacts;
}

interface Buckets {
  readonly recipes: string;
  readonly images: string;
}

/** Every object of the service's own buckets against every record. Changes nothing. */
export async function auditObjects(ports: AuditPorts, buckets: Buckets): Promise<Drift> {
  const named = await namedObjects(ports, buckets);
  const moving = await movingObjects(ports);
  const kept = new Set(named.map(({ address }) => placeOf(address)));
  const found: ArtifactInfo[] = [];
  for (const bucket of new Set([buckets.recipes, buckets.images]))
    for await (const info of ports.artifacts.list(bucket, "")) found.push(info);
  const there = new Set(found.map((info) => placeOf(info)));
  const strange = found.filter((info) => !kept.has(placeOf(info)) && !moving.has(placeOf(info)));
  return {
    orphans: strange.filter((info) => !isStaged(info)),
    uploads: strange.filter((info) => isStaged(info)),
    missing: named.filter(
      ({ required, address }) =>
        required && isOurs(buckets, address) && !there.has(placeOf(address)) && !moving.has(placeOf(address)),
    ),
  };
}

interface Named {
  readonly record: string;
  readonly address: ArtifactAddress;
  /** Not of an image without link, which may have some of its artifacts or none. */
  readonly required: boolean;
}

async function namedObjects(ports: AuditPorts, buckets: Buckets): Promise<Named[]> {
  const { records } = ports;
  const all: Named[] = [];
  for (const kind of ["image", "deleted-image"] as const)
    for (const { id, link } of await listValues(records, kind)) {
      const record = `${kind} ${id}`;
      if (link !== null) all.push(...(await ofManifest(ports.artifacts, record, link)));
      else all.push(...ofUploads(record, buckets.images, kind === "image" ? id : `deleted/${id}`));
    }
  for (const kind of ["recipe", "deleted-recipe"] as const)
    for (const { id, link } of await listValues(records, kind))
      if (link !== null) all.push({ record: `${kind} ${id}`, address: addressOf(link), required: true });
  return all;
}

function ofUploads(record: string, bucket: string, folder: string): Named[] {
  return ARTIFACT_NAMES.map((name: ArtifactName) => ({
    record,
    address: { bucket, key: `${folder}/${name}` },
    required: false,
  }));
}

const Entries = v.looseObject({
  artifacts: v.array(v.looseObject({ link: v.looseObject({ path: v.string() }) })),
});

async function ofManifest(artifacts: Artifacts, record: string, link: Link): Promise<Named[]> {
  const parsed = v.safeParse(Entries, await readManifestJson(artifacts, link));
  const paths = parsed.success ? parsed.output.artifacts.map((entry) => entry.link.path) : [];
  return [link.path, ...paths].map((path) => ({ record, address: addressOf({ path }), required: true }));
}

/** What a journal is about to touch is neither lost nor left over. */
async function movingObjects({ records }: AuditPorts): Promise<Set<string>> {
  const steps = (await listStored(records, "object-journal")).flatMap(({ value }) => value.steps);
  return new Set(steps.flatMap((step) => placesOf(step).map((place) => placeOf(place))));
}

const isOurs = (buckets: Buckets, { bucket }: ArtifactAddress) =>
  bucket === buckets.recipes || bucket === buckets.images;
const placeOf = ({ bucket, key }: ArtifactAddress) => `${bucket}/${key}`;
