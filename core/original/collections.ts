import * as v from "valibot";
import { COLLECTIONS, type Collection, ORIGINAL_SCHEMAS, type OriginalRecord } from "./schemas.ts";

/** A file of the original's data folder, whatever is in it. */
export interface OriginalFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A record, and where it was found. */
export interface Found<C extends Collection> {
  readonly value: OriginalRecord<C>;
  readonly where: string;
}
export type Collections = { readonly [C in Collection]: readonly Found<C>[] };

/** What a person should know: what stops it, and what does not. */
export interface Remarks {
  readonly problems: string[];
  readonly notes: string[];
}

const NAME = /^v(?<major>\d{1,4})(?:\.(?<minor>\d{1,4}))?_(?<collection>[a-z_]+)\.json$/u;

/** Parses every record of every collection; a collection without a file is empty. */
export function readCollections(files: readonly OriginalFile[], remarks: Remarks): Collections {
  const newest = newestFiles(files, remarks);
  if (newest.size === 0)
    remarks.problems.push("There is no data file of the original, such as v2.1_images.json.");
  const read = <C extends Collection>(collection: C): readonly Found<C>[] => {
    const file = newest.get(collection);
    return file === undefined ? [] : readFile(collection, file, remarks);
  };
  return {
    public_keys: read("public_keys"),
    deleted_public_keys: read("deleted_public_keys"),
    recipes: read("recipes"),
    deleted_recipes: read("deleted_recipes"),
    images: read("images"),
    deleted_images: read("deleted_images"),
    jobs: read("jobs"),
    remote_build_nodes: read("remote_build_nodes"),
  };
}

/** File names carry the version of what is in them, and an upgrade of the original leaves the old ones behind. */
function newestFiles(files: readonly OriginalFile[], { notes }: Remarks): Map<Collection, OriginalFile> {
  const newest = new Map<Collection, OriginalFile>();
  const known = files.flatMap((file) => {
    const { major = "", minor = "0", collection = "" } = NAME.exec(file.name)?.groups ?? {};
    const found = COLLECTIONS.find((one) => one === collection);
    return found === undefined
      ? []
      : [{ file, collection: found, version: Number(major) * 10_000 + Number(minor) }];
  });
  for (const { file, collection } of known.toSorted((a, b) => b.version - a.version)) {
    const newer = newest.get(collection);
    if (newer === undefined) newest.set(collection, file);
    else notes.push(`${file.name} is older than ${newer.name}, and was left out.`);
  }
  return newest;
}

function readFile<C extends Collection>(
  collection: C,
  file: OriginalFile,
  { problems, notes }: Remarks,
): Found<C>[] {
  const records = arrayIn(file, problems);
  const dropped = new Map<string, string[]>();
  const found = records.flatMap((record, index): Found<C>[] => {
    const where = `${file.name}, record ${index + 1} of ${records.length}${nameOf(record)}`;
    const result = v.safeParse(ORIGINAL_SCHEMAS[collection], record);
    if (!result.success) {
      for (const issue of result.issues) problems.push(`${where}: ${describe(issue)}`);
      return [];
    }
    for (const member of droppedMembers(record, result.output))
      dropped.set(member, [...(dropped.get(member) ?? []), where]);
    return [{ value: result.output, where }];
  });
  for (const [member, places] of dropped)
    notes.push(
      `${file.name}: the unknown member ${member} of ${places.length} records was left out, first in ${places[0]}.`,
    );
  return found;
}

function arrayIn({ name, bytes }: OriginalFile, problems: string[]): readonly unknown[] {
  if (bytes.length === 0) {
    problems.push(`${name} is empty: the original was killed while it wrote it.`);
    return [];
  }
  try {
    const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (Array.isArray(json)) return json;
    problems.push(`${name} is not a list of records.`);
  } catch (error) {
    problems.push(`${name} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return [];
}

/** So that a person finds it again. */
function nameOf(record: unknown): string {
  const named = v.safeParse(v.union([v.object({ id: v.string() }), v.object({ xname: v.string() })]), record);
  if (!named.success) return "";
  return ` (${"id" in named.output ? named.output.id : named.output.xname})`;
}

function describe(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  return `${path === null ? "the record" : path}: ${issue.message}`;
}

/** Members that a schema did not take over, such as `link.size`; those in lists without their position. */
function droppedMembers(given: unknown, kept: unknown, path = ""): string[] {
  if (Array.isArray(given) && Array.isArray(kept))
    return [...new Set(given.flatMap((one, index) => droppedMembers(one, kept[index], `${path}[]`)))];
  if (!isObject(given) || !isObject(kept)) return [];
  return Object.entries(given).flatMap(([name, value]) => {
    const here = path === "" ? name : `${path}.${name}`;
    return Object.hasOwn(kept, name) ? droppedMembers(value, kept[name], here) : [here];
  });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
