import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  type TableDescription,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { DomainError } from "../../../core/errors.ts";
import { awsFailure } from "../../aws/errors.ts";
import { type AwsConfig, awsClientOptions } from "../../aws/options.ts";
import { type Calls, createCalls } from "./calls.ts";
import { writtenKey } from "./items.ts";
import { INDEX, LAYOUT, LAYOUT_KEY } from "./keys.ts";

const CALL_PATIENCE_MS = 10_000;
const IDLE_MS = 5000;
/** Making a table takes seconds on AWS. */
const READY_PATIENCE_MS = 120_000;
const READY_PAUSE_MS = 200;

export interface TableConfig {
  readonly aws: AwsConfig;
  readonly table: string;
  /** Whether a table that is missing is made. */
  readonly create: boolean;
  /** A request that fails for a while is sent again for so many milliseconds; 10 seconds without a word. */
  readonly patienceMs?: number;
}

/**
 * Sees to it that the table is there, is ready, and is one of this service's. Several processes may do so at once.
 * @throws `unavailable` saying what is missing or wrong, or that the store cannot be reached
 */
export async function ensureTable(config: TableConfig): Promise<void> {
  const { aws, table, patienceMs = CALL_PATIENCE_MS } = config;
  const options = awsClientOptions(aws, { maxAttempts: 1, idleMilliseconds: IDLE_MS });
  const client = new DynamoDBClient(options);
  const calls = createCalls(table, patienceMs);
  try {
    const found = (await describe(client, calls, table)) ?? (await make(client, calls, config));
    refuseOther(found, table);
    await ready(client, calls, table);
    await agreeOnLayout(client, calls, table);
  } finally {
    client.destroy();
  }
}

async function describe(
  client: DynamoDBClient,
  calls: Calls,
  table: string,
): Promise<TableDescription | undefined> {
  const command = new DescribeTableCommand({ TableName: table });
  return await calls(async (abortSignal) => {
    try {
      return (await client.send(command, { abortSignal })).Table;
    } catch (error) {
      if (awsFailure(error)?.name === "ResourceNotFoundException") return undefined;
      throw error;
    }
  });
}

async function make(
  client: DynamoDBClient,
  calls: Calls,
  { aws, table, create }: TableConfig,
): Promise<TableDescription | undefined> {
  if (!create) {
    const where = `in ${aws.region}${aws.endpoint === undefined ? "" : ` at ${aws.endpoint}`}`;
    const how = "Make it, or have it made with IMS_CREATE_STORAGE=yes";
    throw new DomainError("unavailable", `There is no DynamoDB table ${table} ${where}. ${how}.`);
  }
  const command = new CreateTableCommand({ TableName: table, ...TABLE_DEFINITION });
  return await calls(async (abortSignal) => {
    try {
      return (await client.send(command, { abortSignal })).TableDescription;
    } catch (error) {
      // Another process was faster, or this one was and did not hear of it.
      if (awsFailure(error)?.name === "ResourceInUseException") return await describe(client, calls, table);
      throw error;
    }
  });
}

/** The infrastructure's template makes the same. */
export const TABLE_DEFINITION = {
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: [
    { AttributeName: "pk", AttributeType: "S" },
    { AttributeName: "sk", AttributeType: "S" },
    { AttributeName: "place", AttributeType: "S" },
  ],
  KeySchema: [
    { AttributeName: "pk", KeyType: "HASH" },
    { AttributeName: "sk", KeyType: "RANGE" },
  ],
  LocalSecondaryIndexes: [
    {
      IndexName: INDEX,
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "place", KeyType: "RANGE" },
      ],
      Projection: { ProjectionType: "ALL" },
    },
  ],
} satisfies Partial<CreateTableCommand["input"]>;

function refuseOther(found: TableDescription | undefined, table: string): void {
  const wrong = [...wrongKey(found), ...wrongIndex(found), ...wrongTypes(found)];
  if (wrong.length > 0)
    throw new DomainError("unavailable", `The DynamoDB table ${table} is not fit: ${wrong.join("; ")}.`);
}

function wrongKey(found: TableDescription | undefined): string[] {
  const fit = keysOf(found?.KeySchema) === "pk HASH, sk RANGE";
  return fit ? [] : ["its key is not pk (HASH) and sk (RANGE)"];
}

function wrongIndex(found: TableDescription | undefined): string[] {
  const index = found?.LocalSecondaryIndexes?.find(({ IndexName }) => IndexName === INDEX);
  if (keysOf(index?.KeySchema) !== "pk HASH, place RANGE")
    return [`it has no local secondary index ${INDEX} with the key pk (HASH) and place (RANGE)`];
  const projected = index?.Projection?.ProjectionType === "ALL";
  return projected ? [] : [`its index ${INDEX} does not project all attributes`];
}

function wrongTypes(found: TableDescription | undefined): string[] {
  return (found?.AttributeDefinitions ?? [])
    .filter(({ AttributeType }) => AttributeType !== "S")
    .map(({ AttributeName }) => `its key attribute ${AttributeName} is not a string`);
}

function keysOf(schema: TableDescription["KeySchema"]): string | undefined {
  return schema?.map(({ AttributeName, KeyType }) => `${AttributeName} ${KeyType}`).join(", ");
}

async function ready(client: DynamoDBClient, calls: Calls, table: string): Promise<void> {
  const deadline = performance.now() + READY_PATIENCE_MS;
  for (;;) {
    const status = (await describe(client, calls, table))?.TableStatus ?? "missing";
    if (status === "ACTIVE" || status === "UPDATING") return;
    if (performance.now() > deadline) {
      const message = `The DynamoDB table ${table} is not ready: it is ${status.toLowerCase()}.`;
      throw new DomainError("unavailable", message);
    }
    await sleep(READY_PAUSE_MS);
  }
}

const Layout = v.object({ layout: v.object({ N: v.string() }) });

/** The first to use a table says which layout it has; a service that does not know it keeps away. */
async function agreeOnLayout(client: DynamoDBClient, calls: Calls, table: string): Promise<void> {
  const command = new UpdateItemCommand({
    TableName: table,
    Key: writtenKey(LAYOUT_KEY),
    UpdateExpression: "SET layout = if_not_exists(layout, :layout)",
    ExpressionAttributeValues: { ":layout": { N: String(LAYOUT) } },
    ReturnValues: "ALL_NEW",
  });
  const { Attributes } = await calls((abortSignal) => client.send(command, { abortSignal }));
  const parsed = v.safeParse(Layout, Attributes);
  const layout = parsed.success ? parsed.output.layout.N : "unknown";
  if (layout !== String(LAYOUT)) {
    const message = `The DynamoDB table ${table} has layout ${layout}, and this version of the service knows ${LAYOUT}.`;
    throw new DomainError("unavailable", message);
  }
}
