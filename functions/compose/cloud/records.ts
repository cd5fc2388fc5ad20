import { createDynamoRecords } from "../../../adapters/records/dynamodb/dynamodb.ts";
import type { Records } from "../../../core/ports/records.ts";
import type { Config } from "../../config.ts";

export async function openRecords({ records }: Pick<Config, "records">): Promise<Records> {
  if (records.kind !== "dynamodb") throw new Error("A function's records are in DynamoDB.");
  return await createDynamoRecords(records);
}
