import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { migrate, MIGRATIONS } from "../../../adapters/records/sqlite-schema.ts";
import { createSqliteRecords } from "../../../adapters/records/sqlite.ts";
import { scratchFolder } from "../../support/archives.ts";
import { idsOf, insertImage, replaceImage } from "../../support/records-values.ts";

const unavailable = (message: RegExp) =>
  expect.objectContaining({
    name: "DomainError",
    code: "unavailable",
    message: expect.stringMatching(message),
  });

async function storePath(): Promise<string> {
  return join(await scratchFolder(), "data", "records.db");
}

/** A store with records in it, closed. */
async function filledStore(count = 1): Promise<string> {
  const path = await storePath();
  const records = await createSqliteRecords({ path });
  await records.commit(Array.from({ length: count }, (_, index) => insertImage(`id ${index}`)));
  await records.close();
  return path;
}

function alter(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

describe("the file of a record store", () => {
  it("is made with its folder, for the owner only, and so are the files beside it", async () => {
    const path = await storePath();
    const records = await createSqliteRecords({ path });
    await records.commit([insertImage("a")]);
    const mode = async (name: string): Promise<number> => (await stat(name)).mode & 0o777;
    expect(await mode(dirname(path))).toBe(0o700);
    const files = await readdir(dirname(path));
    expect(files.toSorted()).toEqual(["records.db", "records.db-shm", "records.db-wal"]);
    for (const file of files) expect(await mode(join(dirname(path), file))).toBe(0o600);
    await records.close();
    expect(await readdir(dirname(path))).toEqual(["records.db"]);
  });

  it("leaves the mode of a folder that exists as it is", async () => {
    const path = await storePath();
    await mkdir(dirname(path));
    await chmod(dirname(path), 0o750);
    await (await createSqliteRecords({ path })).close();
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o750);
  });

  it("may have any name", async () => {
    const path = join(await scratchFolder(), "odd % name?mode=ro#ü 'x'.db");
    await (await createSqliteRecords({ path })).close();
    expect((await stat(path)).isFile()).toBe(true);
    const records = await createSqliteRecords({ path });
    await records.check();
    await records.close();
  });

  it("keeps everything when it is closed and opened again, also its order", async () => {
    const path = await storePath();
    const expected: string[] = [];
    for (const id of ["z", "a", "m"]) {
      const records = await createSqliteRecords({ path });
      await records.commit([insertImage(id)]);
      if (id !== "z") await records.commit([replaceImage("z", expected.length)]);
      expected.push(id);
      await records.close();
    }
    const records = await createSqliteRecords({ path });
    expect(await idsOf(records, "image")).toEqual(expected);
    expect((await records.get("image", "z"))?.version).toBe(3);
    await records.close();
  });

  it("is one store for all who make it at once", async () => {
    const path = await storePath();
    const stores = await Promise.all([1, 2, 3, 4].map(() => createSqliteRecords({ path })));
    await Promise.all(stores.map((store, index) => store.commit([insertImage(`id ${index}`)])));
    for (const store of stores) expect(await idsOf(store, "image")).toHaveLength(4);
    await Promise.all(stores.map((store) => store.close()));
    expect(await readdir(dirname(path))).toEqual(["records.db"]);
  });

  it("survives the way from version 0, and each version after it (behaviour 199)", () => {
    const db = new DatabaseSync(":memory:");
    migrate(db);
    expect(db.prepare("PRAGMA user_version").get()).toEqual({ user_version: MIGRATIONS.length });
    db.exec("INSERT INTO records (kind, id, version, text) VALUES ('image', 'a', 1, '{}')");
    const longer = [...MIGRATIONS, "ALTER TABLE records ADD COLUMN note TEXT"];
    migrate(db, longer);
    migrate(db, longer);
    expect(db.prepare("SELECT id, note FROM records").all()).toEqual([{ id: "a", note: null }]);
    expect(db.prepare("PRAGMA user_version").get()).toEqual({ user_version: longer.length });
    // An older program that lost the race for the migration must not turn the version back.
    migrate(db);
    expect(db.prepare("PRAGMA user_version").get()).toEqual({ user_version: longer.length });
    db.close();
  });

  it("keeps its version when a migration fails half way", () => {
    const db = new DatabaseSync(":memory:");
    migrate(db);
    const broken = [...MIGRATIONS, "ALTER TABLE records ADD COLUMN note TEXT", "DROP TABLE missing"];
    expect(() => migrate(db, broken)).toThrow("missing");
    expect(db.prepare("PRAGMA user_version").get()).toEqual({ user_version: MIGRATIONS.length });
    expect(() => db.prepare("SELECT note FROM records")).toThrow("note");
    db.close();
  });
});

describe("a file that is no record store of ours is refused and left alone:", () => {
  /** What opening it says; it must leave the file as it is. */
  async function refusal(path: string): Promise<unknown> {
    const before = await readFile(path);
    const [result] = await Promise.allSettled([createSqliteRecords({ path })]);
    if (!before.equals(await readFile(path))) throw new Error("The file was changed.");
    return result.status === "rejected" ? result.reason : "opened";
  }

  it("one of a newer version", async () => {
    const path = await filledStore();
    alter(path, "PRAGMA user_version = 999");
    expect(await refusal(path)).toEqual(unavailable(/version 999.*newer/u));
  });

  it("garbage", async () => {
    const path = await filledStore();
    await writeFile(path, "This is not a database. ".repeat(1000));
    expect(await refusal(path)).toEqual(unavailable(/not a store.*backup/u));
  });

  it("an empty file", async () => {
    const path = await filledStore();
    await truncate(path, 0);
    expect(await refusal(path)).toEqual(unavailable(/empty or not a record store.*backup/u));
  });

  it("a truncated store", async () => {
    const path = await filledStore(500);
    await truncate(path, 4096 * 3);
    expect(await refusal(path)).toEqual(unavailable(/damaged.*backup/u));
  });

  it("another program's SQLite file", async () => {
    const path = await storePath();
    await mkdir(dirname(path));
    alter(path, "CREATE TABLE notes (text); PRAGMA user_version = 1");
    expect(await refusal(path)).toEqual(unavailable(/not a record store/u));
  });

  it("a folder", async () => {
    const path = await storePath();
    await mkdir(path, { recursive: true });
    await expect(createSqliteRecords({ path })).rejects.toEqual(unavailable(/cannot be opened/u));
  });

  it("a folder of the store that is a file", async () => {
    const path = await storePath();
    await writeFile(dirname(path), "");
    await expect(createSqliteRecords({ path })).rejects.toEqual(unavailable(/cannot be opened/u));
  });

  it("a log without its store", async () => {
    const path = await storePath();
    const records = await createSqliteRecords({ path });
    await records.commit([insertImage("a")]);
    const copy = join(await scratchFolder(), "records.db");
    await copyFile(`${path}-wal`, `${copy}-wal`);
    await records.close();
    await expect(createSqliteRecords({ path: copy })).rejects.toEqual(unavailable(/missing.*log/u));
  });
});

describe("a store that is damaged while it is used", () => {
  it.each([
    ["text that is not JSON", "{"],
    ["a value of another shape", '{"id":"id 0","name":5}'],
    ["a value that is no object", "null"],
  ])("names the record that holds %s", async (_what, text) => {
    const path = await filledStore(2);
    const records = await createSqliteRecords({ path });
    await records.list("image");
    alter(path, `UPDATE records SET text = '${text}', version = 2 WHERE id = 'id 0'`);
    await expect(records.get("image", "id 0")).rejects.toEqual(unavailable(/image id 0 is damaged/u));
    await expect(records.list("image")).rejects.toEqual(unavailable(/image id 0 is damaged/u));
    expect((await records.get("image", "id 1"))?.id).toBe("id 1");
    await records.close();
  });

  it.each([
    ["removed", (path: string) => rm(path)],
    ["replaced", (path: string) => rename(`${path}.backup`, path)],
  ])("acknowledges nothing once its file was %s", async (_what, act) => {
    const path = await filledStore();
    await copyFile(path, `${path}.backup`);
    const records = await createSqliteRecords({ path });
    await records.commit([insertImage("before")]);
    await act(path);
    await expect(records.commit([insertImage("after")])).rejects.toEqual(unavailable(/removed or replaced/u));
    await expect(records.check()).rejects.toEqual(unavailable(/removed or replaced/u));
    await records.close();
  });

  it("acknowledges nothing once a newer program has brought it to another version", async () => {
    const path = await filledStore();
    const records = await createSqliteRecords({ path });
    await records.check();
    alter(path, "PRAGMA user_version = 999");
    await expect(records.commit([insertImage("after")])).rejects.toEqual(unavailable(/version 999/u));
    await records.close();
  });
});
