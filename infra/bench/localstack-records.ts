import { randomUUID } from "node:crypto";
import {
  DeleteTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
} from "@aws-sdk/client-dynamodb";
import { type AwsConfig, awsClientOptions } from "../../adapters/aws/options.ts";
import { createDynamoRecords } from "../../adapters/records/dynamodb/dynamodb.ts";
import { ensureTable } from "../../adapters/records/dynamodb/table.ts";
import type { Change, Records } from "../../core/ports/records.ts";
import { median } from "./measure.ts";

const ROUNDS = 600;
const WARM_UP = 60;
const MEMBERS = 10;

/**
 * What our adapter adds to the SDK's bare call for the same item, one call of each in turn. A write of ours is a
 * transaction, so that is what it is compared with; that of a mere conditional put is told beside it.
 */
export async function benchLocalstackRecords(aws: AwsConfig) {
  const table = `ims-bench-${randomUUID()}`;
  await ensureTable({ aws, table, create: true });
  const client = new DynamoDBClient(awsClientOptions(aws, { maxAttempts: 1, idleMilliseconds: 10_000 }));
  const records = await createDynamoRecords({ aws, table });
  try {
    const ids = Array.from({ length: 50 }, () => randomUUID());
    for (const id of ids) {
      await records.commit([insert(id)]);
      await client.send(new PutItemCommand({ TableName: table, Item: itemOf(id) }));
    }
    return {
      rounds: ROUNDS,
      ...(await reads(client, records, table, ids)),
      ...(await writes(client, records, table)),
    };
  } finally {
    await records.close();
    await client.send(new DeleteTableCommand({ TableName: table }));
    client.destroy();
  }
}

async function reads(client: DynamoDBClient, records: Records, table: string, ids: readonly string[]) {
  const id = (round: number): string => ids[round % ids.length] ?? "";
  const [bare = Number.NaN, get = Number.NaN, getJson = Number.NaN] = await inTurn([
    (round) =>
      client.send(new GetItemCommand({ TableName: table, Key: bareKey(id(round)), ConsistentRead: true })),
    (round) => records.get("image", id(round)),
    (round) => records.getJson("image", id(round)),
  ]);
  return { readBareMs: bare, readRatio: get / bare, readJsonRatio: getJson / bare };
}

async function writes(client: DynamoDBClient, records: Records, table: string) {
  const condition = { TableName: table, ConditionExpression: "attribute_not_exists(pk)" };
  const [bare = Number.NaN, put = Number.NaN, commit = Number.NaN] = await inTurn([
    () => {
      const Put = { ...condition, Item: itemOf(randomUUID()) };
      return client.send(
        new TransactWriteItemsCommand({ TransactItems: [{ Put }], ClientRequestToken: randomUUID() }),
      );
    },
    () => client.send(new PutItemCommand({ ...condition, Item: itemOf(randomUUID()) })),
    () => records.commit([insert(randomUUID())]),
  ]);
  return { writeBareMs: bare, writeRatio: commit / bare, writeToPutRatio: commit / put };
}

type Call = (round: number) => Promise<unknown>;

/** Median time of each in milliseconds, in the order given; each round begins with another one. */
async function inTurn(calls: readonly Call[]): Promise<number[]> {
  const timed = calls.map((call) => ({ call, times: new Array<number>() }));
  for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
    const first = round % timed.length;
    for (const { call, times } of [...timed.slice(first), ...timed.slice(0, first)]) {
      const began = performance.now();
      await call(round);
      if (round >= WARM_UP) times.push(performance.now() - began);
    }
  }
  return timed.map(({ times }) => median(times));
}

function valueOf(id: string) {
  const metadata = Object.fromEntries(
    Array.from({ length: MEMBERS }, (_, n) => [`key-${n}`, "v".repeat(30)]),
  );
  const created = "2026-01-02T03:04:05.678Z";
  return { id, created, name: `image ${id}`, link: null, arch: "x86_64" as const, metadata };
}

function insert(id: string): Change {
  return { op: "insert", kind: "image", id, value: valueOf(id) };
}

/** As large as what the adapter writes. */
function itemOf(id: string) {
  const place = { S: id.slice(0, 17) };
  return { ...bareKey(id), place, version: { N: "1" }, json: { S: JSON.stringify(valueOf(id)) } };
}

function bareKey(id: string) {
  return { pk: { S: `bare#${id.charAt(0)}` }, sk: { S: id } };
}
