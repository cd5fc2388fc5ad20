import * as v from "valibot";
import { afterEach, describe, expect, it } from "vitest";
import { keyOf } from "../../adapters/records/dynamodb/keys.ts";
import type { Change, Records } from "../../core/ports/records.ts";
import type { RecordValue } from "../../core/records.ts";
import { dynamoProxy, type Fault, type Request } from "../support/dynamo-proxy.ts";
import { freshTable, onTable } from "../support/dynamo-records.ts";
import { localstack } from "../support/localstack.ts";
import { imageValue, insertImage, replaceImage } from "../support/records-values.ts";

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** A store whose requests wait for what `before` does, and another one on the same table whose requests do not. */
async function watched(
  before: (request: Request, direct: Records) => Promise<void>,
  answered?: (request: Request) => void,
) {
  const { table, cleanup } = await freshTable();
  opened.push(cleanup);
  const direct = await onTable(table);
  const proxy = await dynamoProxy(async (request): Promise<Fault> => {
    await before(request, direct);
    return "none";
  }, answered);
  const records = await onTable(table, { aws: { ...localstack(), endpoint: proxy.url } });
  opened.push(
    () => direct.close(),
    () => records.close(),
  );
  return { records, direct, proxy };
}

const Query = v.object({
  ExpressionAttributeValues: v.object({ ":pk": v.object({ S: v.string() }) }),
});

const shardOf = (id: string): string => keyOf("image", id)?.pk ?? "";

/** A kind that has one partition, and values of which a page of DynamoDB's takes some 200. */
const token = (id: string): RecordValue<"token"> => ({
  id,
  created: "2026-01-02T03:04:05.678Z",
  name: "x".repeat(5000),
  role: "reader",
  signature: "",
});
const insertToken = (id: string): Change => ({ op: "insert", kind: "token", id, value: token(id) });
const ids = Array.from({ length: 300 }, (_, index) => `id ${index}`);

describe("lists of records in DynamoDB while others commit", () => {
  it("show all replacements of one commit, although some partitions were read before it and some after", async () => {
    const held = ["a", "b", "c", "d", "e", "f"];
    expect(new Set(held.map(shardOf)).size).toBeGreaterThan(2);
    const isEarly = ({ operation, body }: Request): boolean =>
      operation === "Query" && v.parse(Query, body).ExpressionAttributeValues[":pk"].S === shardOf("a");
    let replaced: (() => void) | undefined;
    const late = new Promise<void>((resolve) => {
      replaced = resolve;
    });
    const { records, direct, proxy } = await watched(
      async (request) => {
        if (request.operation === "Query" && !isEarly(request)) await late;
      },
      (request) => {
        if (isEarly(request))
          void direct
            .commit(held.map((id) => replaceImage(id, 1, { now: "2" })))
            .catch(() => undefined)
            .finally(replaced);
      },
    );
    await direct.commit(held.map((id) => insertImage(id)));
    const list = await records.listJson("image");
    expect(list.content).toBe(JSON.stringify(held.map((id) => imageValue(id, { now: "2" }))));
    expect(proxy.requests.map(({ operation }) => operation)).toContain("TransactGetItems");
    // What a commit has noted of records that are gone or came anew does not matter for ever.
    await direct.commit([{ op: "remove", kind: "image", id: "b", version: 2 }]);
    await direct.commit([insertImage("b"), { op: "remove", kind: "image", id: "c", version: 2 }]);
    const rest = ["a", "d", "e", "f"].map((id) => imageValue(id, { now: "2" }));
    expect((await records.listJson("image")).content).toBe(JSON.stringify([...rest, imageValue("b")]));
  });

  it("show a record once, in its new place, that is removed and inserted again meanwhile", async () => {
    let queries = 0;
    const { records, direct } = await watched(async ({ operation }, direct) => {
      if (operation !== "Query") return;
      queries += 1;
      if (queries !== 2) return;
      await direct.commit([{ op: "remove", kind: "token", id: "id 0", version: 1 }]);
      await direct.commit([insertToken("id 0")]);
    });
    await direct.commit(ids.map(insertToken));
    const expected = [...ids.slice(1), "id 0"].map(token);
    expect((await records.listJson("token")).content).toBe(JSON.stringify(expected));
  });

  it("do not show a record on a later page that was removed and inserted again, nor leave another out", async () => {
    const { records, direct } = await watched(async () => undefined);
    await direct.commit(ids.map(insertToken));
    const first = await records.list("token");
    expect(first.records.length).toBeLessThan(ids.length);
    await direct.commit([{ op: "remove", kind: "token", id: "id 0", version: 1 }]);
    await direct.commit([insertToken("id 0")]);
    const rest = await records.list("token", first.next === undefined ? {} : { after: first.next });
    expect(rest).not.toHaveProperty("next");
    expect([...first.records, ...rest.records].map(({ id }) => id)).toEqual(ids);
  });

  it("are read strongly consistent, and so are records", async () => {
    const { records, proxy } = await watched(async () => undefined);
    await records.commit([insertImage("a")]);
    proxy.reset();
    await records.list("image", { limit: 1 });
    await records.listJson("image");
    await records.get("image", "a");
    for (const { body } of proxy.requests) expect(body).toMatchObject({ ConsistentRead: true });
  });
});
