import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import * as v from "valibot";
import { DomainError } from "../../../core/errors.ts";
import type { Key } from "./keys.ts";
import { isPlace } from "./places.ts";

/**
 * DynamoDB takes items of up to 400 KB, and counts what a local index copies of them as well: a value of more bytes is
 * kept in parts, which are items beside the record's that the index does not have.
 */
export const INLINE_BYTES = 190_000;
export const PART_BYTES = 390_000;

const text = v.object({ S: v.string() });
const count = v.pipe(
  v.object({ N: v.string() }),
  v.transform(({ N }) => Number(N)),
  v.number(),
  v.safeInteger(),
  v.minValue(1),
);

/** The others that a commit replaced with this record, in the same kind: their sort keys and versions. */
const Beside = v.array(v.tuple([v.string(), v.number()]));

const RecordItem = v.object({
  pk: text,
  sk: text,
  place: v.pipe(
    text,
    v.check(({ S }) => isPlace(S)),
  ),
  version: count,
  json: v.optional(text),
  parts: v.optional(count),
  /** Of the commit that wrote the parts: those of another one are not of this value. */
  stamp: v.optional(text),
  beside: v.optional(v.pipe(v.object({ S: v.pipe(v.string(), v.parseJson(), Beside) }))),
});

/** A record as it is in the table, its value perhaps elsewhere. */
export interface RecordItem {
  readonly key: Key;
  readonly place: string;
  readonly version: number;
  readonly content: { readonly json: string } | Parts;
  readonly beside: v.InferOutput<typeof Beside>;
}

export interface Parts {
  readonly parts: number;
  readonly stamp: string;
}

export type Item = Record<string, AttributeValue>;

/** @throws `unavailable` for an item that no version of this service wrote */
export function readItem(item: Item): RecordItem {
  const parsed = v.safeParse(RecordItem, item);
  if (!parsed.success) throw damaged(item, parsed.issues[0].message);
  const { pk, sk, place, version, json, parts, stamp, beside } = parsed.output;
  const content = contentOf(json?.S, parts, stamp?.S);
  if (content === undefined) throw damaged(item, "It has no value.");
  return { key: { pk: pk.S, sk: sk.S }, place: place.S, version, content, beside: beside?.S ?? [] };
}

function contentOf(json: string | undefined, parts: number | undefined, stamp: string | undefined) {
  if (json !== undefined) return { json };
  return parts === undefined || stamp === undefined ? undefined : { parts, stamp };
}

function damaged(item: Item, why: string): DomainError {
  const key = `${item["pk"]?.S ?? "?"} ${item["sk"]?.S ?? "?"}`;
  return new DomainError("unavailable", `The stored record ${key} is damaged. ${why}`);
}

const PartItem = v.object({
  pk: text,
  sk: text,
  stamp: text,
  bytes: v.object({ B: v.instance(Uint8Array) }),
});

/** The bytes of a part by its sort key, of those that the commit with this stamp wrote. */
export function readParts(items: readonly Item[], stamp: string): Map<string, Uint8Array> {
  const read = items.flatMap((item) => {
    const parsed = v.safeParse(PartItem, item);
    return parsed.success && parsed.output.stamp.S === stamp ? [parsed.output] : [];
  });
  return new Map(read.map(({ sk, bytes }) => [sk.S, bytes.B]));
}

export function writtenKey({ pk, sk }: Key): Item {
  return { pk: { S: pk }, sk: { S: sk } };
}

export function writtenPart(key: Key, stamp: string, bytes: Uint8Array): Item {
  return { ...writtenKey(key), stamp: { S: stamp }, bytes: { B: bytes } };
}

/** A value as pieces that fit into an item each. */
export function cut(value: Uint8Array): Uint8Array[] {
  const pieces = Math.ceil(value.length / PART_BYTES);
  return Array.from({ length: pieces }, (_, piece) =>
    value.subarray(piece * PART_BYTES, (piece + 1) * PART_BYTES),
  );
}
