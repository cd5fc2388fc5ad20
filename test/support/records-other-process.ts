// Another process on the same store: `<file> <name> <count>` inserts <count> images and adds as much to a shared count.
import { createSqliteRecords } from "../../adapters/records/sqlite.ts";
import { increment } from "./records-counter.ts";
import { insertClaim, insertImage } from "./records-values.ts";

const [path = "", name = "", count = "0"] = process.argv.slice(2);
const records = await createSqliteRecords({ path });

async function caller(first: number): Promise<void> {
  for (let index = first; index < Number(count); index += 4) {
    await records.commit([insertImage(`${name} ${index}`), insertClaim(`${name} ${index}`)]);
    await increment(records, "counter");
  }
}

await Promise.all([0, 1, 2, 3].map(caller));
// The store is left open on purpose: its idle writer must not keep the process alive.
