import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSqliteRecords } from "../../../adapters/records/sqlite.ts";
import { openWalIndex } from "../../../adapters/records/sqlite-wal-index.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "ims-test-"));
  file = path.join(folder, "records.sqlite");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function openWithTable(): DatabaseSync {
  const db = new DatabaseSync(file);
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (n); INSERT INTO t VALUES (0)");
  return db;
}

describe("the wal-index of a store", () => {
  it("keeps its number while nobody commits, whoever reads", () => {
    const db = openWithTable();
    const walIndex = openWalIndex(file);
    const before = walIndex.version();
    expect(db.prepare("SELECT n FROM t").all()).toHaveLength(1);
    expect([walIndex.version(), walIndex.version()]).toEqual([before, before]);
    db.close();
    walIndex.release();
  });

  it("has another number after each commit, also where the log begins anew, and none for what is rolled back", () => {
    const db = openWithTable();
    const walIndex = openWalIndex(file);
    const seen = [walIndex.version()];
    for (let n = 1; n <= 50; n += 1) {
      db.exec(`INSERT INTO t VALUES (${n})`);
      seen.push(walIndex.version());
      if (n % 10 === 0) db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    expect(new Set(seen).size).toBe(51);
    const before = walIndex.version();
    db.exec("BEGIN; INSERT INTO t VALUES (51); ROLLBACK");
    expect(walIndex.version()).toBe(before);
    db.close();
    walIndex.release();
  });

  it("costs a store none of its locks when another store of the same file is closed in this process", async () => {
    const one = await createSqliteRecords({ path: file });
    const other = await createSqliteRecords({ path: file });
    const { ino } = statSync(`${file}-shm`);
    const locks = () =>
      readFileSync("/proc/locks", "utf8")
        .split("\n")
        .filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${ino} `)).length;
    expect(locks()).toBeGreaterThan(0);
    await other.close();
    expect(locks()).toBeGreaterThan(0);
    await one.close();
  });
});
