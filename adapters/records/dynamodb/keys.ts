import * as v from "valibot";
import type { RecordKind } from "../../../core/records.ts";

/**
 * Where records are in the one table; `infra/dynamodb.md` says why. A record's partition is its kind and a shard that
 * its id decides; within it the id finds the record, and the local index `by-place` has the shard's records in the order
 * of their insertion. Nothing but ids and kinds is needed to find a record, so that is one strongly consistent read.
 */
export const INDEX = "by-place";

/**
 * In so many partitions a kind lies. Those of which there may be millions get many: a partition with a local index holds
 * 10 GB and takes 1000 write units a second. The others get one, since a list asks each of them. Another number is another
 * layout: records would be looked for where they are not.
 */
const SHARDS: Readonly<Record<RecordKind, number>> = {
  image: 16,
  recipe: 4,
  "public-key": 4,
  job: 16,
  "job-activity": 4,
  "job-slot": 1,
  "deleted-image": 16,
  "deleted-recipe": 4,
  "deleted-public-key": 4,
  "remote-build-node": 1,
  "node-state": 1,
  token: 1,
  "link-claim": 16,
  "object-journal": 1,
  "upload-session": 4,
};

/** Raised with every change of the scheme that an older service would read wrongly. */
export const LAYOUT = 1;
/** Items of the table that are no records. No kind is called so. */
export const LAYOUT_KEY: Key = { pk: "#layout", sk: "#" };
export const CHECK_KEY: Key = { pk: "#check", sk: "#" };

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** DynamoDB takes sort keys of up to 1024 bytes; what is left is for the number of a part. */
const MOST_ID_BYTES = 1000;
/** What cannot be a sort key as it is begins with this: the empty id, halves of a character, ids that begin like it. */
const ESCAPE = "~";

/** `undefined` for an id that is too long to be kept: there is no record with it. */
export function keyOf(kind: RecordKind, id: string): Key | undefined {
  const sk =
    id === "" || id.startsWith(ESCAPE) || !id.isWellFormed() ? `${ESCAPE}i${JSON.stringify(id)}` : id;
  if (new TextEncoder().encode(sk).length > MOST_ID_BYTES) return undefined;
  return { pk: partition(kind, shardOf(kind, id)), sk };
}

/** Of a value that is too large for one item, the part with this number. */
export function partKey({ pk, sk }: Key, part: number): Key {
  return { pk, sk: `${ESCAPE}p${part}.${sk}` };
}

/** What `keyOf` made the sort key of. */
export function idOf(sk: string): string {
  if (!sk.startsWith(ESCAPE)) return sk;
  return v.parse(v.pipe(v.string(), v.parseJson(), v.string()), sk.slice(2));
}

export function partitionsOf(kind: RecordKind): string[] {
  return Array.from({ length: SHARDS[kind] }, (_, shard) => partition(kind, shard));
}

function partition(kind: RecordKind, shard: number): string {
  return `${kind}#${shard}`;
}

/** FNV-1a over the UTF-16 of the id; the higher half is folded in, since the lowest bits alone are its weakest. */
function shardOf(kind: RecordKind, id: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01_00_01_93);
  return ((hash ^ (hash >>> 16)) >>> 0) % SHARDS[kind];
}
