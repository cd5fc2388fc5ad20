import { CreateTableCommand, DeleteTableCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { describe, expect, it, onTestFinished } from "vitest";
import { ensureTable } from "../../adapters/records/dynamodb/table.ts";
import { bareClient, onTable } from "../support/dynamo-records.ts";
import { dynamoProxy } from "../support/dynamo-proxy.ts";
import { freshName, localstack } from "../support/localstack.ts";
import { idsOf, insertImage } from "../support/records-values.ts";

const key = (AttributeName: string, KeyType: "HASH" | "RANGE") => ({ AttributeName, KeyType });

/** A name, and the table with it goes when the test ends. */
function tableName(): string {
  const table = freshName("records");
  onTestFinished(async () => {
    const client = bareClient();
    await client.send(new DeleteTableCommand({ TableName: table })).catch(() => undefined);
    client.destroy();
  });
  return table;
}

describe("the table of records in DynamoDB", () => {
  it("is made once when several processes want it at the same moment, and is kept as it is", async () => {
    const table = tableName();
    const ensure = (create: boolean) => ensureTable({ aws: localstack(), table, create });
    await Promise.all(Array.from({ length: 8 }, () => ensure(true)));
    const records = await onTable(table);
    await records.commit([insertImage("a")]);
    await ensure(true);
    await ensure(false);
    expect(await idsOf(records, "image")).toEqual(["a"]);
    await records.close();
  });

  it("is made although the answer to that is lost", async () => {
    const table = tableName();
    const proxy = await dynamoProxy(({ operation }) =>
      operation === "CreateTable" && proxy.requests.filter((one) => one.operation === operation).length === 1
        ? "answer lost"
        : "none",
    );
    await ensureTable({ aws: { ...localstack(), endpoint: proxy.url }, table, create: true });
    expect(proxy.requests.filter(({ operation }) => operation === "CreateTable")).toHaveLength(2);
  });

  it("is named when it is missing and must not be made", async () => {
    const table = tableName();
    await expect(ensureTable({ aws: localstack(), table, create: false })).rejects.toThrow(
      `There is no DynamoDB table ${table} in us-east-1 at ${localstack().endpoint}. Make it, or have it made with IMS_CREATE_STORAGE=yes.`,
    );
  });

  it("is refused when it is another one, saying all that is wrong with it", async () => {
    const table = tableName();
    const client = bareClient();
    const AttributeDefinitions = ["pk", "place"].map((AttributeName) => ({
      AttributeName,
      AttributeType: "N" as const,
    }));
    const KeySchema = [key("pk", "HASH"), key("place", "RANGE")];
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: "PAY_PER_REQUEST",
        AttributeDefinitions,
        KeySchema,
      }),
    );
    client.destroy();
    await expect(ensureTable({ aws: localstack(), table, create: true })).rejects.toThrow(
      `The DynamoDB table ${table} is not fit: its key is not pk (HASH) and sk (RANGE); it has no local secondary index by-place with the key pk (HASH) and place (RANGE); its key attribute pk is not a string; its key attribute place is not a string.`,
    );
  });

  it("is refused when a newer version of the service has laid it out", async () => {
    const table = tableName();
    await ensureTable({ aws: localstack(), table, create: true });
    const client = bareClient();
    await client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: { pk: { S: "#layout" }, sk: { S: "#" } },
        UpdateExpression: "SET layout = :newer",
        ExpressionAttributeValues: { ":newer": { N: "2" } },
      }),
    );
    client.destroy();
    await expect(ensureTable({ aws: localstack(), table, create: true })).rejects.toThrow(
      `The DynamoDB table ${table} has layout 2, and this version of the service knows 1.`,
    );
  });

  it("is told from a store that nobody answers for", async () => {
    const aws = { ...localstack(), endpoint: "http://127.0.0.1:1" };
    await expect(ensureTable({ aws, table: "any", create: true, patienceMs: 200 })).rejects.toEqual(
      expect.objectContaining({
        code: "unavailable",
        message: "The record store is not available: it does not answer.",
      }),
    );
  });
});
