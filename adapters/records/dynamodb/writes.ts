import type { AttributeValue, TransactWriteItem } from "@aws-sdk/client-dynamodb";
import { DomainError } from "../../../core/errors.ts";
import type { EncodedChange } from "../encode.ts";
import { cut, INLINE_BYTES, type Item, writtenKey, writtenPart } from "./items.ts";
import { type Key, partKey } from "./keys.ts";

/** What DynamoDB takes in one transaction, with something left for what surrounds the values. */
export const MOST_WRITES = 100;
export const MOST_BYTES = 3_900_000;

/** A change with all that writing it needs to know. */
export interface Step {
  readonly change: EncodedChange;
  readonly key: Key;
  /** Of an insert. */
  readonly place: string;
  /** In so many parts the value is that this change replaces or removes; 0: it is in the record's own item. */
  readonly oldParts: number;
}

export interface StepWrites {
  readonly step: Step;
  readonly writes: readonly TransactWriteItem[];
  /** What they count in a transaction, a little more rather than less. */
  readonly bytes: number;
}

interface Context {
  readonly table: string;
  /** Tells the parts of one commit from those of another. */
  readonly stamp: string;
}

/**
 * The writes of one change; the record's own comes first and has the condition that decides the race.
 * @throws `too-large` when they are more than one transaction takes
 */
export function writesOf(context: Context, step: Step, beside: string | undefined): StepWrites {
  const { change, key, oldParts } = step;
  const value = change.op === "remove" ? undefined : newValue(context, key, change.text, beside);
  const pieces = value?.pieces ?? [];
  const puts = pieces.map((bytes, part) => ({
    Put: { TableName: context.table, Item: writtenPart(partKey(key, part), context.stamp, bytes) },
  }));
  const deletes = Array.from({ length: Math.max(0, oldParts - pieces.length) }, (_, index) => ({
    Delete: { TableName: context.table, Key: writtenKey(partKey(key, pieces.length + index)) },
  }));
  const writes = [recordWrite(context.table, step, value?.attributes ?? {}), ...puts, ...deletes];
  const bytes = (value?.bytes ?? 0) + writes.length * (300 + 2 * Buffer.byteLength(key.sk));
  if (writes.length > MOST_WRITES || bytes > MOST_BYTES) throw tooLarge(change);
  return { step, writes, bytes };
}

interface NewValue {
  readonly attributes: Item;
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
}

function newValue({ stamp }: Context, key: Key, text: string, beside: string | undefined): NewValue {
  const notes: Item = beside === undefined ? {} : { beside: { S: beside } };
  const size = Buffer.byteLength(text);
  const bytes = size + (beside?.length ?? 0) + Buffer.byteLength(key.sk);
  if (bytes <= INLINE_BYTES) return { attributes: { ...notes, json: { S: text } }, pieces: [], bytes };
  const pieces = cut(Buffer.from(text));
  const attributes = { ...notes, parts: { N: String(pieces.length) }, stamp: { S: stamp } };
  return { attributes, pieces, bytes };
}

function recordWrite(table: string, step: Step, attributes: Item): TransactWriteItem {
  const { change, key } = step;
  if (change.op === "insert") {
    const Item = { ...writtenKey(key), place: { S: step.place }, version: { N: "1" }, ...attributes };
    return { Put: { TableName: table, Item, ConditionExpression: "attribute_not_exists(pk)" } };
  }
  const seen = seenAs(change.version, step.oldParts);
  const common = {
    TableName: table,
    Key: writtenKey(key),
    ConditionExpression: seen.condition,
    ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
  };
  if (change.op === "remove") return { Delete: { ...common, ExpressionAttributeValues: seen.values } };
  const update = updateTo({ ...attributes, version: { N: String(change.version + 1) } });
  return {
    Update: {
      ...common,
      UpdateExpression: update.expression,
      ExpressionAttributeValues: { ...seen.values, ...update.values },
    },
  };
}

function seenAs(version: number, parts: number) {
  const seen = { ":seen": { N: String(version) } };
  return parts === 0
    ? { condition: "version = :seen AND attribute_not_exists(parts)", values: seen }
    : {
        condition: "version = :seen AND parts = :parts",
        values: { ...seen, ":parts": { N: String(parts) } },
      };
}

const OPTIONAL = ["json", "parts", "stamp", "beside"];

/** A replacement keeps the record's place; all else becomes what it is now. None of these names is reserved. */
function updateTo(attributes: Item): { expression: string; values: Record<string, AttributeValue> } {
  const names = Object.keys(attributes);
  const gone = OPTIONAL.filter((name) => !(name in attributes));
  const set = `SET ${names.map((name) => `${name} = :${name}New`).join(", ")}`;
  return {
    expression: `${set} REMOVE ${gone.join(", ")}`,
    values: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`:${name}New`, value])),
  };
}

function tooLarge({ kind, id }: EncodedChange): DomainError {
  const limit = `${MOST_BYTES / 1_000_000} MB`;
  return new DomainError(
    "too-large",
    `The ${kind} ${id} is larger than the record store can write in one step (${limit}). Shorten its longest members.`,
  );
}

/** As many changes to a transaction as go in, in the order given; no change is divided. */
export function transactionsOf(steps: readonly StepWrites[]): StepWrites[][] {
  const groups: StepWrites[][] = [];
  let room = { writes: 0, bytes: 0 };
  for (const step of steps) {
    if (step.writes.length > room.writes || step.bytes > room.bytes) {
      groups.push([]);
      room = { writes: MOST_WRITES, bytes: MOST_BYTES };
    }
    groups.at(-1)?.push(step);
    room = { writes: room.writes - step.writes.length, bytes: room.bytes - step.bytes };
  }
  return groups;
}

/**
 * What is noted with each of several records of one kind that a commit replaces, so that a list which sees one of them
 * can tell whether it sees all. By kind.
 */
export function besides(steps: readonly Step[]): Map<string, string> {
  const replaced = new Map<string, [string, number][]>();
  for (const { change, key } of steps) {
    if (change.op !== "replace") continue;
    const ofKind = replaced.get(change.kind) ?? [];
    replaced.set(change.kind, ofKind);
    ofKind.push([key.sk, change.version + 1]);
  }
  const several = [...replaced].filter(([, ofKind]) => ofKind.length > 1 && ofKind.length <= MOST_WRITES);
  return new Map(several.map(([kind, ofKind]) => [kind, JSON.stringify(ofKind)]));
}
