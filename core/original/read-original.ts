import type { BackupRecord } from "../backup/check.ts";
import { DomainError } from "../errors.ts";
import { parseRecord } from "../records.ts";
import {
  type Collections,
  type Found,
  type OriginalFile,
  readCollections,
  type Remarks,
} from "./collections.ts";
import { claimOf, idOf, imageOf, keyOf, recipeOf } from "./convert.ts";
import { jobOf } from "./convert-job.ts";
import { type Collection, timeOf } from "./schemas.ts";

export interface OriginalOptions {
  readonly buckets: { readonly recipes: string; readonly images: string };
  /** Buckets that links may name. */
  readonly linkBuckets: readonly string[];
  /** As the service's own signer makes them of link paths. */
  readonly digest: (text: string) => string;
}

export interface ReadOriginal {
  readonly records: readonly BackupRecord[];
  /** What was left out or should be looked at. */
  readonly notes: readonly string[];
}

const MOST_PROBLEMS = 100;

/**
 * Turns the data files of the original service into records.
 * @throws `invalid` naming every record that is broken, by file and position, and whatever else stops it
 */
export function readOriginal(files: readonly OriginalFile[], options: OriginalOptions): ReadOriginal {
  const remarks: Remarks = { problems: [], notes: [] };
  const found = readCollections(files, remarks);
  findTwins(found, remarks);
  findStrangers(found, options, remarks);
  if (remarks.problems.length > 0) throw new DomainError("invalid", summary(remarks.problems));
  return { records: recordsOf(found, options).map(asStored), notes: remarks.notes };
}

function summary(problems: readonly string[]): string {
  const more = problems.length - MOST_PROBLEMS;
  const lines = [...problems.slice(0, MOST_PROBLEMS), ...(more > 0 ? [`and ${more} more`] : [])];
  return `The original's data cannot be brought in, and nothing was changed:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}

/** A crash of the original between two of its files leaves a record in both; its own defects leave one path to two. */
function findTwins(found: Collections, { problems }: Remarks): void {
  const once = (what: string, all: readonly { readonly name: string; readonly where: string }[]): void => {
    const seen = new Map<string, string>();
    for (const { name, where } of all) {
      const first = seen.get(name);
      if (first === undefined) seen.set(name, where);
      else problems.push(`${where}: has the ${what} of ${first}; remove one of them.`);
    }
  };
  const ids = (...all: readonly Found<Exclude<Collection, "remote_build_nodes">>[][]) =>
    all.flat().map(({ value, where }) => ({ name: idOf(value.id), where }));
  const paths = (all: readonly Found<"images" | "recipes">[]) =>
    all.flatMap(({ value, where }) => (value.link ? [{ name: value.link.path, where }] : []));
  once("id", ids([...found.public_keys], [...found.deleted_public_keys]));
  once("id", ids([...found.recipes], [...found.deleted_recipes]));
  once("id", ids([...found.images], [...found.deleted_images]));
  once("id", ids([...found.jobs]));
  once(
    "xname",
    found.remote_build_nodes.map(({ value, where }) => ({ name: value.xname, where })),
  );
  once("link path", paths(found.images));
  once("link path", paths(found.recipes));
}

/** Links to buckets that this service does not look into. */
function findStrangers(
  { images, deleted_images, recipes, deleted_recipes }: Collections,
  { buckets, linkBuckets }: OriginalOptions,
  { notes }: Remarks,
): void {
  const known = new Set([...Object.values(buckets), ...linkBuckets]);
  const linked = [...images, ...deleted_images, ...recipes, ...deleted_recipes];
  const strange = Map.groupBy(
    linked.flatMap(({ value, where }) => (value.link ? [{ bucket: bucketOf(value.link.path), where }] : [])),
    ({ bucket }) => bucket,
  );
  for (const [bucket, all] of strange)
    if (!known.has(bucket))
      notes.push(
        `${all.length} records link to the bucket ${bucket}, first ${all[0]?.where}: set S3_IMS_BUCKET, S3_BOOT_IMAGES_BUCKET or IMS_LINK_BUCKETS, or their objects do not exist for this service.`,
      );
}

const bucketOf = (path: string): string => /^s3:\/\/([^/]+)/u.exec(path)?.[1] ?? "";

function recordsOf(found: Collections, { buckets, digest }: OriginalOptions): BackupRecord[] {
  const keys = found.public_keys.map(({ value }) => keyOf(value));
  const deletedKeys = found.deleted_public_keys.map(({ value }) => gone(keyOf(value), value));
  const recipes = found.recipes.map(({ value }) => recipeOf(value));
  const deletedRecipes = found.deleted_recipes.map(({ value }) => gone(recipeOf(value), value));
  const images = found.images.map(({ value }) => imageOf(value));
  const deletedImages = found.deleted_images.map(({ value }) => gone(imageOf(value), value));
  const around = {
    buckets,
    recipes: new Map([...deletedRecipes, ...recipes].map((recipe) => [recipe.id, recipe])),
    images: new Map(images.map((image) => [image.id, image])),
    keys: new Map([...deletedKeys, ...keys].map(({ id, public_key }) => [id, public_key])),
  };
  return [
    ...keys.map((value) => ({ kind: "public-key" as const, id: value.id, value })),
    ...deletedKeys.map((value) => ({ kind: "deleted-public-key" as const, id: value.id, value })),
    ...recipes.map((value) => ({ kind: "recipe" as const, id: value.id, value })),
    ...deletedRecipes.map((value) => ({ kind: "deleted-recipe" as const, id: value.id, value })),
    ...images.map((value) => ({ kind: "image" as const, id: value.id, value })),
    ...deletedImages.map((value) => ({ kind: "deleted-image" as const, id: value.id, value })),
    ...recipes.flatMap((recipe) => claimOf("recipe", recipe, digest)),
    ...images.flatMap((image) => claimOf("image", image, digest)),
    ...found.jobs.map(({ value }) => {
      const job = jobOf(value, around);
      return { kind: "job" as const, id: job.id, value: job };
    }),
    ...found.remote_build_nodes.map(({ value: { xname } }) => ({
      kind: "remote-build-node" as const,
      id: xname,
      value: { xname },
    })),
  ];
}

/** With its members in the order in which a store answers them, so that what is there already is known again. */
function asStored({ kind, id, value }: BackupRecord): BackupRecord {
  return { kind, id, value: parseRecord(kind, id, value) };
}

function gone<T>(value: T, { deleted }: { readonly deleted: string }): T & { readonly deleted: string } {
  return { ...value, deleted: timeOf(deleted) };
}
