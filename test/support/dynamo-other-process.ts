// Another process on the same table: `<table> <name>`. Carries out one order a line and answers each with its line:
// "insert <id>", "race <id> <version>" (answers "won" or "lost"), "count <times>".
import { createInterface } from "node:readline";
import { isDomainError } from "../../core/errors.ts";
import { onTable } from "./dynamo-records.ts";
import { increment } from "./records-counter.ts";
import { insertClaim, insertImage, replaceImage } from "./records-values.ts";

const [table = "", name = ""] = process.argv.slice(2);
const records = await onTable(table);

async function race(id: string, version: number): Promise<string> {
  try {
    await records.commit([replaceImage(id, version, { by: name })]);
    return "won";
  } catch (error) {
    if (!isDomainError(error, "lost-race")) throw error;
    return "lost";
  }
}

async function carryOut(order: string): Promise<string> {
  const [word = "", id = "", number = "0"] = order.split(" ");
  if (word === "race") return await race(id, Number(number));
  if (word === "insert") await records.commit([insertImage(id), insertClaim(id)]);
  else await Promise.all(Array.from({ length: Number(id) }, () => increment(records, "counter")));
  return "done";
}

for await (const order of createInterface({ input: process.stdin }))
  process.stdout.write(`${await carryOut(order)}\n`);
await records.close();
