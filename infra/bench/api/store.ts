import { cpSync, mkdirSync } from "node:fs";
import path from "node:path";
import { createSqliteRecords } from "../../../adapters/records/sqlite.ts";
import { createSystemIds } from "../../../adapters/ids/system.ts";
import type { Records } from "../../../core/ports/records.ts";

const AT_ONCE = 1000;
const FILE = "records.sqlite";
const ids = createSystemIds();

/** A data folder with so many images; answers their ids. */
export async function seed(folder: string, count: number): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const records = await createSqliteRecords({ path: path.join(folder, FILE) });
  const all = Array.from({ length: count }, () => ids.uuid());
  for (let at = 0; at < count; at += AT_ONCE)
    await records.commit(all.slice(at, at + AT_ONCE).map((id, index) => insertion(id, at + index)));
  await records.close();
  return all;
}

/** As many as 32 callers insert in a second, alone with the store: on a copy of this folder's records. */
export async function commitsPerSecond(folder: string, copy: string, seconds: number): Promise<number> {
  mkdirSync(copy, { recursive: true });
  cpSync(path.join(folder, FILE), path.join(copy, FILE));
  const records = await createSqliteRecords({ path: path.join(copy, FILE) });
  try {
    await insertFor(records, 0.5);
    return (await insertFor(records, seconds)) / seconds;
  } finally {
    await records.close();
  }
}

async function insertFor(records: Records, seconds: number): Promise<number> {
  const finish = performance.now() + seconds * 1000;
  let count = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() < finish) {
      count += 1;
      await records.commit([insertion(ids.uuid(), count)]);
    }
  };
  await Promise.all(Array.from({ length: 32 }, caller));
  return count;
}

function insertion(id: string, number: number) {
  const created = new Date().toISOString();
  const name = `image-${String(number).padStart(9, "0")}`;
  const value = { id, created, name, link: null, arch: "x86_64" as const, metadata: {} };
  return { op: "insert" as const, kind: "image" as const, id, value };
}
