import { describe, expect, it } from "vitest";
import type { Change, Records } from "../../core/ports/records.ts";
import { type DynamoProxy, dynamoProxy } from "../support/dynamo-proxy.ts";
import { freshTable, onTable } from "../support/dynamo-records.ts";
import { localstack } from "../support/localstack.ts";
import { imageValue, insertClaim, insertImage, replaceImage } from "../support/records-values.ts";

/** What a piece of work asked of DynamoDB, by operation, and the units that it counted. */
async function asked(proxy: DynamoProxy, work: () => Promise<unknown>) {
  proxy.reset();
  await work();
  const requests: Record<string, number> = {};
  for (const { operation } of proxy.requests) requests[operation] = (requests[operation] ?? 0) + 1;
  return { requests, units: proxy.units() };
}

/** AWS counts the units of each change; the emulator names those of one, however many a transaction has. */
const SEVERAL: unknown = expect.any(Number);

/** Of records of under a kilobyte. */
const POINT_OPERATIONS: readonly [string, (records: Records) => Promise<unknown>, object][] = [
  ["get", (records) => records.get("image", "id 5"), { requests: { GetItem: 1 }, units: 1 }],
  ["get of none", (records) => records.get("image", "none"), { requests: { GetItem: 1 }, units: 1 }],
  ["getJson", (records) => records.getJson("image", "id 5"), { requests: { GetItem: 1 }, units: 1 }],
  ["insert", commit(insertImage("new")), { requests: { TransactWriteItems: 1 }, units: 4 }],
  ["replace", commit(replaceImage("new", 1)), { requests: { TransactWriteItems: 1 }, units: 4 }],
  [
    "move and claim",
    commit(
      { op: "remove", kind: "image", id: "new", version: 2 },
      { op: "insert", kind: "deleted-image", id: "new", value: { ...imageValue("new"), deleted: "" } },
      insertClaim("new"),
    ),
    { requests: { TransactWriteItems: 1 }, units: SEVERAL },
  ],
  [
    "remove",
    commit(
      { op: "remove", kind: "deleted-image", id: "new", version: 1 },
      { op: "remove", kind: "link-claim", id: "new", version: 1 },
    ),
    { requests: { TransactWriteItems: 1 }, units: SEVERAL },
  ],
  ["check", (records) => records.check(), { requests: { UpdateItem: 1 }, units: 1 }],
];

function commit(...changes: Change[]) {
  return (records: Records) => records.commit(changes);
}

/** With it an image takes some 800 bytes, as real ones do. */
const FILLER = { filler: "x".repeat(600) };
/** What the numbers in infra/dynamodb.md were taken with: 10,000 and 100,000. */
const MANY = Number(process.env["IMS_SCALE_RECORDS"] ?? 2000);

async function measured(count: number) {
  const { table, cleanup } = await freshTable();
  const proxy = await dynamoProxy();
  const records = await onTable(table, { aws: { ...localstack(), endpoint: proxy.url } });
  const direct = await onTable(table);
  await direct.commit(Array.from({ length: count }, (_, index) => insertImage(`id ${index}`, FILLER)));
  await direct.close();
  const points: Record<string, unknown> = {};
  for (const [name, work] of POINT_OPERATIONS) points[name] = await asked(proxy, () => work(records));
  const lists = {
    page: await asked(proxy, () => records.list("image", { limit: 50 })),
    all: await asked(proxy, () => records.listJson("image")),
    every: await asked(proxy, () => records.list("image")),
    none: await asked(proxy, () => records.listJson("job-slot")),
  };
  await records.close();
  await cleanup();
  return { points, lists };
}

describe("what records in DynamoDB ask of it", () => {
  it("is one request of the same units for a record or a commit, however many records there are", async () => {
    const expected = Object.fromEntries(POINT_OPERATIONS.map(([name, , cost]) => [name, cost]));
    const [few, many] = [await measured(100), await measured(MANY)];
    expect(few.points).toEqual(expected);
    expect(many.points).toEqual(expected);
    // A page costs what it shows: 16 partitions are asked for their last, and then for their share.
    for (const { page } of [few.lists, many.lists]) {
      expect(page.requests["Query"]).toBeLessThanOrEqual(48);
      expect(page.units).toBeLessThanOrEqual(48);
    }
    expect(few.lists.all).toEqual({ requests: { Query: 16 }, units: expect.any(Number) });
    expect(few.lists.every).toEqual(few.lists.all);
    expect(few.lists.none.requests).toEqual({ Query: 1 });
    // So many of these fill 4 KB, which is a unit; and each page of 1 MB may end in one that is not full.
    expect(many.lists.all.units).toBeLessThan(MANY / 4 + 32);
    expect(many.lists.all.requests["Query"]).toBeLessThanOrEqual(16 + MANY / 500);
  });
});
