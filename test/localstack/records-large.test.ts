import { paginateScan } from "@aws-sdk/client-dynamodb";
import { afterEach, describe, expect, it } from "vitest";
import type { Records } from "../../core/ports/records.ts";
import { bareClient, freshTable, onTable } from "../support/dynamo-records.ts";
import { idsOf, imageValue, insertImage, replaceImage } from "../support/records-values.ts";

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function onNewTable() {
  const { table, cleanup } = await freshTable();
  opened.push(cleanup);
  const open = async (): Promise<Records> => {
    const records = await onTable(table);
    opened.push(() => records.close());
    return records;
  };
  return { table, records: await open(), open };
}

/** How many items there are, beside the one that tells the layout. */
async function itemsIn(table: string): Promise<number> {
  const client = bareClient();
  let count = 0;
  for await (const page of paginateScan({ client }, { TableName: table })) count += page.Count ?? 0;
  client.destroy();
  return count - 1;
}

const KIB = 1024;
const filled = (text: string, kibibytes: number) => ({ text: text.repeat(kibibytes * KIB) });

describe("a record in DynamoDB that is larger than an item", () => {
  it("is answered whole, alone and in lists, at every size around the limits", async () => {
    const { records } = await onNewTable();
    const sizes = [180, 185, 186, 190, 380, 390, 400, 1000, 3000];
    for (const size of sizes) await records.commit([insertImage(`${size}`, filled("x", size))]);
    for (const size of sizes)
      expect((await records.get("image", `${size}`))?.value).toEqual(
        imageValue(`${size}`, filled("x", size)),
      );
    const values = sizes.map((size) => imageValue(`${size}`, filled("x", size)));
    expect((await records.list("image")).records.map(({ value }) => value)).toEqual(values);
    expect((await records.listJson("image")).content).toBe(JSON.stringify(values));
  });

  it("leaves nothing behind when it shrinks, grows or goes, whoever does it", async () => {
    const { table, records, open } = await onNewTable();
    const stranger = async (): Promise<Records> => open();
    await records.commit([insertImage("a", filled("ä", 500)), insertImage("b")]);
    expect(await itemsIn(table)).toBe(5);
    await (await stranger()).commit([replaceImage("a", 1, filled("y", 300)), replaceImage("b", 1)]);
    expect(await itemsIn(table)).toBe(3);
    expect((await records.get("image", "a"))?.value.metadata).toEqual(filled("y", 300));
    await records.commit([replaceImage("a", 2, filled("z", 1000))]);
    expect(await itemsIn(table)).toBe(5);
    await (await stranger()).commit([replaceImage("a", 3, { small: "yes" })]);
    expect(await itemsIn(table)).toBe(2);
    await records.commit([replaceImage("a", 4, filled("z", 1000))]);
    await (
      await stranger()
    ).commit([
      { op: "remove", kind: "image", id: "b", version: 2 },
      { op: "remove", kind: "image", id: "a", version: 5 },
    ]);
    expect(await itemsIn(table)).toBe(0);
    expect(await idsOf(records, "image")).toEqual([]);
  });

  it("loses a race like any other, in whatever size it is there", async () => {
    const { records, open } = await onNewTable();
    await records.commit([insertImage("a", filled("x", 300))]);
    const lost = expect.objectContaining({ code: "lost-race" });
    await expect(records.commit([insertImage("a", filled("y", 300))])).rejects.toEqual(lost);
    await expect((await open()).commit([replaceImage("a", 2, filled("y", 300))])).rejects.toEqual(lost);
    await expect(
      (await open()).commit([{ op: "remove", kind: "image", id: "a", version: 2 }]),
    ).rejects.toEqual(lost);
    expect((await records.get("image", "a"))?.value.metadata).toEqual(filled("x", 300));
  });

  it("is never seen as a mixture while it is replaced", async () => {
    const { records, open } = await onNewTable();
    const other = await open();
    await records.commit([insertImage("a", filled("0", 900))]);
    const replacing = new AbortController();
    const replaced = (async () => {
      for (let version = 1; version <= 20; version += 1)
        await other.commit([
          replaceImage("a", version, filled(String(version % 10), 300 + (version % 3) * 300)),
        ]);
      replacing.abort();
    })();
    while (!replacing.signal.aborted) {
      const [one, list] = await Promise.all([records.get("image", "a"), records.list("image")]);
      for (const seen of [one, list.records[0]]) {
        const text = seen?.value.metadata["text"] ?? "";
        expect(text).toBe(text.charAt(0).repeat(text.length));
        expect(text.charAt(0)).toBe(String(((seen?.version ?? 0) - 1) % 10));
      }
    }
    await replaced;
  });

  it("is refused clearly when no transaction can hold it, and when its id is too long", async () => {
    const { table, records } = await onNewTable();
    await expect(records.commit([insertImage("b"), insertImage("a", filled("x", 4000))])).rejects.toEqual(
      expect.objectContaining({
        code: "too-large",
        message: expect.stringContaining("The image a is larger"),
      }),
    );
    const long = "x".repeat(1001);
    await expect(records.commit([insertImage(long)])).rejects.toEqual(
      expect.objectContaining({ code: "invalid" }),
    );
    expect(await records.get("image", long)).toBeUndefined();
    expect(await itemsIn(table)).toBe(0);
  });
});
