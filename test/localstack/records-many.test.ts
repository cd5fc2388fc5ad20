import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { listValues } from "../../core/collection.ts";
import { isDomainError } from "../../core/errors.ts";
import type { Records } from "../../core/ports/records.ts";
import type { RecordValue } from "../../core/records.ts";
import { freshTable, onTable } from "../support/dynamo-records.ts";
import { idsOf, insertImage, replaceImage } from "../support/records-values.ts";

const OTHER = fileURLToPath(new URL("../support/dynamo-other-process.ts", import.meta.url));

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function newTable(): Promise<string> {
  const { table, cleanup } = await freshTable();
  opened.push(cleanup);
  return table;
}

async function open(table: string): Promise<Records> {
  const records = await onTable(table);
  opened.push(() => records.close());
  return records;
}

/** A process that carries out one order after the other, each answered by a line. */
function otherProcess(table: string, name: string): (order: string) => Promise<string> {
  const child: ChildProcess = spawn(process.execPath, [OTHER, table, name], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (child.stdout === null) throw new Error("The process has no output.");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  opened.push(async () => {
    const exit = once(child, "exit");
    child.stdin?.end();
    await exit;
  });
  return async (order) => {
    child.stdin?.write(`${order}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`The process ended at "${order}".`);
    return value;
  };
}

describe("records in DynamoDB that several processes use", () => {
  it("are in the order in which they were acknowledged, whichever process inserted each", async () => {
    const table = await newTable();
    const others = ["a", "b", "c"].map((name) => otherProcess(table, name));
    const records = await open(table);
    const ids = Array.from({ length: 45 }, (_, index) => `id-${index}`);
    for (const [index, id] of ids.entries()) await others[index % 3]?.(`insert ${id}`);
    expect(await idsOf(records, "image")).toEqual(ids);
  });

  it("have one winner for each version, and count exactly", async () => {
    const table = await newTable();
    const records = await open(table);
    await records.commit([insertImage("contested"), insertImage("counter", { count: "0" })]);
    const others = ["a", "b", "c"].map((name) => otherProcess(table, name));
    for (let version = 1; version <= 15; version += 1) {
      const results = await Promise.all(others.map((other) => other(`race contested ${version}`)));
      expect(results.toSorted()).toEqual(["lost", "lost", "won"]);
    }
    expect(await records.get("image", "contested")).toMatchObject({ version: 16 });
    await Promise.all(others.map((other) => other("count 10")));
    expect((await records.get("image", "counter"))?.value.metadata).toEqual({ count: "30" });
  });
});

describe("many records in DynamoDB, and many callers", () => {
  it("have one winner for each version among 64 callers", async () => {
    const records = await open(await newTable());
    await records.commit([insertImage("contested")]);
    for (let version = 1; version <= 5; version += 1) {
      const callers = Array.from({ length: 64 }, (_, caller) =>
        records.commit([replaceImage("contested", version, { caller: String(caller) })]),
      );
      const results = await Promise.allSettled(callers);
      const lost = results.filter(
        (result) => result.status === "rejected" && isDomainError(result.reason, "lost-race"),
      );
      expect(lost).toHaveLength(63);
      const winner = results.findIndex(({ status }) => status === "fulfilled");
      expect((await records.get("image", "contested"))?.value.metadata).toEqual({ caller: String(winner) });
    }
  });

  it("come in pages of any size, each once and in order, when there are thousands", async () => {
    const records = await open(await newTable());
    const ids = Array.from({ length: 3000 }, (_, index) => `id ${index}`);
    await records.commit(ids.map((id) => insertImage(id)));
    for (const limit of [500, 1000, 2999, 3000, 3001, undefined]) {
      const seen: string[] = [];
      for (let after: string | undefined; ;) {
        const page = await records.list("image", {
          ...(limit === undefined ? {} : { limit }),
          ...(after === undefined ? {} : { after }),
        });
        for (const { id } of page.records) seen.push(id);
        after = page.next;
        if (after === undefined || seen.length > ids.length) break;
      }
      expect(seen).toEqual(ids);
    }
    expect((await records.list("image", { limit: 7 })).records.map(({ id }) => id)).toEqual(ids.slice(0, 7));
  });

  it("have no page when there are none, whatever the limit", async () => {
    const records = await open(await newTable());
    expect(await records.list("image", { limit: 5 })).toEqual({ records: [] });
    await records.commit([insertImage("a")]);
    expect(await records.list("image", { limit: 1 })).toEqual({
      records: [expect.objectContaining({ id: "a" })],
    });
  });

  it("are listed over several of DynamoDB's pages of 1 MB, from one partition", async () => {
    const records = await open(await newTable());
    const token = (index: number): RecordValue<"token"> => ({
      id: `id ${index}`,
      created: "2026-01-02T03:04:05.678Z",
      name: "x".repeat(5000),
      role: "reader",
      signature: "",
    });
    const values = Array.from({ length: 1000 }, (_, index) => token(index));
    await records.commit(values.map((value) => ({ op: "insert", kind: "token", id: value.id, value })));
    expect(await listValues(records, "token")).toEqual(values);
    expect((await records.listJson("token")).content).toBe(JSON.stringify(values));
  });
});
