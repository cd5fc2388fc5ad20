import { DeleteTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { awsClientOptions } from "../../adapters/aws/options.ts";
import { createDynamoRecords, type DynamoConfig } from "../../adapters/records/dynamodb/dynamodb.ts";
import { ensureTable } from "../../adapters/records/dynamodb/table.ts";
import type { Records } from "../../core/ports/records.ts";
import type { OpenRecords } from "../contract/records.suite.ts";
import { inTurn } from "./records-in-turn.ts";
import { freshName, localstack } from "./localstack.ts";

const patience = { maxAttempts: 3, idleMilliseconds: 10_000 };

/** A client of the SDK and nothing else. The caller destroys it. */
export function bareClient(): DynamoDBClient {
  return new DynamoDBClient(awsClientOptions(localstack(), patience));
}

/** An empty table of its own. */
export async function freshTable(): Promise<{ table: string; cleanup: () => Promise<void> }> {
  const table = freshName("records");
  await ensureTable({ aws: localstack(), table, create: true });
  const cleanup = async (): Promise<void> => {
    const client = bareClient();
    await client.send(new DeleteTableCommand({ TableName: table }));
    client.destroy();
  };
  return { table, cleanup };
}

export function onTable(table: string, rest: Partial<DynamoConfig> = {}): Promise<Records> {
  return createDynamoRecords({ aws: localstack(), table, ...rest });
}

export async function openDynamoRecords(): Promise<OpenRecords> {
  const { table, cleanup } = await freshTable();
  return { records: await onTable(table), cleanup };
}

/** As two processes have it: each call goes to the other store. */
export async function twoDynamoStores(): Promise<OpenRecords> {
  const { table, cleanup } = await freshTable();
  return { records: inTurn([await onTable(table), await onTable(table)]), cleanup };
}
