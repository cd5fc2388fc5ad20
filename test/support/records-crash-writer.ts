// Commits until it is killed: `<file> <name>`, or `dynamodb:<table> <name>`. Prints one line for each commit once it is acknowledged: "<step> <id>".
import { writeSync } from "node:fs";
import { createSqliteRecords } from "../../adapters/records/sqlite.ts";
import type { Change, Records } from "../../core/ports/records.ts";
import { claimValue, insertClaim, insertImage, replaceImage } from "./records-values.ts";

const [path = "", name = ""] = process.argv.slice(2);
const records = await openAt(path);

async function openAt(store: string): Promise<Records> {
  const table = /^dynamodb:(.*)$/u.exec(store)?.[1];
  if (table === undefined) return await createSqliteRecords({ path: store });
  return await (await import("./dynamo-records.ts")).onTable(table);
}

async function acknowledged(step: string, id: string, changes: Change[]): Promise<void> {
  await records.commit(changes);
  writeSync(1, `${step} ${id}\n`);
}

/** A pair of an image and a claim: inserted, changed, and removed, always both in one commit. */
async function life(id: string, steps: number): Promise<void> {
  await acknowledged("inserted", id, [insertImage(id), insertClaim(id)]);
  if (steps < 2) return;
  const value = claimValue(id, "changed");
  await acknowledged("changed", id, [
    replaceImage(id, 1, { filler: "x".repeat(2000) }),
    { op: "replace", kind: "link-claim", id, version: 1, value },
  ]);
  if (steps < 3) return;
  await acknowledged("removed", id, [
    { op: "remove", kind: "image", id, version: 2 },
    { op: "remove", kind: "link-claim", id, version: 2 },
  ]);
}

async function caller(number: number): Promise<never> {
  for (let round = 0; ; round++) await life(`${name}-${number}-${round}`, 1 + (round % 3));
}

await Promise.all(Array.from({ length: 8 }, (_, number) => caller(number)));
