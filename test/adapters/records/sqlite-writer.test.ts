import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { describe, expect, it, onTestFinished } from "vitest";
import { encodeCommit } from "../../../adapters/records/encode.ts";
import { createCommitter } from "../../../adapters/records/sqlite-committer.ts";
import { fileIdentity } from "../../../adapters/records/sqlite-connection.ts";
import { createWriteQueue } from "../../../adapters/records/sqlite-queue.ts";
import { migrate } from "../../../adapters/records/sqlite-schema.ts";
import { createWriterThread } from "../../../adapters/records/sqlite-thread.ts";
import { createSqliteRecords } from "../../../adapters/records/sqlite.ts";
import type { Change, Records } from "../../../core/ports/records.ts";
import { scratchFolder } from "../../support/archives.ts";
import { increment } from "../../support/records-counter.ts";
import { idsOf, insertClaim, insertImage } from "../../support/records-values.ts";

const WRITER = new URL("../../../adapters/records/sqlite-writer.ts", import.meta.url);
const OTHER_PROCESS = fileURLToPath(new URL("../../support/records-other-process.ts", import.meta.url));
const failsWith = (code: string) => expect.objectContaining({ name: "DomainError", code });

async function openStore(): Promise<{ records: Records; path: string }> {
  const path = join(await scratchFolder(), "records.db");
  const records = await createSqliteRecords({ path });
  onTestFinished(() => records.close());
  return { records, path };
}

describe("several processes on one store", () => {
  it("lose nothing of each other, and a process with an idle store ends by itself (behaviour 197)", async () => {
    const { records, path } = await openStore();
    await records.commit([insertImage("counter", { count: "0" })]);
    const other = spawn(process.execPath, [OTHER_PROCESS, path, "other", "60"], { stdio: "inherit" });
    onTestFinished(() => void other.kill("SIGKILL"));
    const exit = once(other, "exit");
    for (let index = 0; index < 60; index++) {
      await records.commit([insertImage(`this ${index}`), insertClaim(`this ${index}`)]);
      await increment(records, "counter");
    }
    expect(await exit).toEqual([0, null]);
    expect((await records.get("image", "counter"))?.value.metadata["count"]).toBe("120");
    const ids = await idsOf(records, "link-claim");
    const expected = ["this", "other"].flatMap((name) =>
      Array.from({ length: 60 }, (_, index) => `${name} ${index}`),
    );
    expect(ids.toSorted()).toEqual(expected.toSorted());
    expect(ids.filter((id) => id.startsWith("this"))).toEqual(expected.slice(0, 60));
  });

  it("read on while one holds the lock, and commit when it lets go", async () => {
    const { records, path } = await openStore();
    await records.commit([insertImage("a")]);
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    let done = false;
    const commit = records.commit([insertImage("b")]).then(() => (done = true));
    for (let reads = 0; reads < 50; reads++) expect(await idsOf(records, "image")).toEqual(["a"]);
    expect(done).toBe(false);
    other.exec("COMMIT");
    other.close();
    await commit;
    expect(await idsOf(records, "image")).toEqual(["a", "b"]);
  });
});

describe("the writer of a store", () => {
  /** A queue on the real writer thread, and the threads that were started for it. */
  function startQueue(path: string) {
    const started: Worker[] = [];
    const thread = createWriterThread(() => {
      const worker = new Worker(WRITER, { workerData: { path, identity: fileIdentity(path) } });
      started.push(worker);
      return worker;
    });
    onTestFinished(() => thread.end());
    return { queue: createWriteQueue(thread), started };
  }

  it("that dies fails the commits it had, and the next commit gets a new one", async () => {
    const { records, path } = await openStore();
    const { queue, started } = startQueue(path);
    const insert = (id: string) => queue.submit(encodeCommit([insertImage(id)]));
    await insert("a");
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const pending = Promise.allSettled([insert("b"), insert("c")]);
    // By now the writer has the commits and waits for the lock.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const ending = started[0]?.terminate();
    other.exec("COMMIT");
    other.close();
    await ending;
    for (const result of await pending) {
      expect(result).toEqual({ status: "rejected", reason: failsWith("unavailable") });
    }
    await insert("d");
    expect(started).toHaveLength(2);
    expect(await idsOf(records, "image")).toEqual(expect.arrayContaining(["a", "d"]));
  });

  it("that cannot be started fails each commit, with the cause", async () => {
    const broken = createWriterThread(() => new Worker("throw new Error('no writer')", { eval: true }));
    const queue = createWriteQueue(broken);
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(queue.submit([])).rejects.toMatchObject({
        code: "unavailable",
        cause: { message: "no writer" },
      });
    }
  });

  it("gets all that waits as one batch", async () => {
    const batches: number[] = [];
    const queue = createWriteQueue({
      async write(commits) {
        batches.push(commits.length);
        return commits.map(() => ({ is: "done" }));
      },
    });
    await Promise.all(Array.from({ length: 32 }, () => queue.submit([])));
    await queue.submit([]);
    expect(batches).toEqual([32, 1]);
  });
});

describe("a batch of commits", () => {
  async function openCommitter(options: { guard?: () => void } = {}) {
    const path = join(await scratchFolder(), "bare.db");
    const db = new DatabaseSync(path, { timeout: 0 });
    onTestFinished(() => db.close());
    db.exec("PRAGMA journal_mode = WAL");
    migrate(db);
    const apply = createCommitter(db, { path, guard: () => {}, ...options });
    return {
      db,
      path,
      commit: (...commits: Change[][]) => apply(commits.map(encodeCommit)).map(outcomeName),
      ids: () =>
        db
          .prepare("SELECT id FROM records ORDER BY sequence")
          .all()
          .map((row) => row["id"]),
    };
  }
  const outcomeName = (outcome: { is: string; code?: string }): string => outcome.code ?? outcome.is;

  it("is one transaction in which each commit wins or loses for itself", async () => {
    const { commit, ids } = await openCommitter();
    const outcomes = commit(
      [insertImage("a")],
      [insertImage("b"), insertImage("a")],
      [insertImage("c"), insertClaim("d")],
      [insertImage("a")],
    );
    expect(outcomes).toEqual(["done", "lost", "done", "lost"]);
    expect(ids()).toEqual(["a", "c", "d"]);
  });

  it("keeps what fits when the disk is full, and says storage-full of the rest", async () => {
    const { db, commit, ids } = await openCommitter();
    db.exec("PRAGMA max_page_count = 20");
    const large = insertImage("large", { filler: "x".repeat(200_000) });
    expect(commit([insertImage("a")], [large], [insertImage("b"), large], [insertImage("c")])).toEqual([
      "done",
      "storage-full",
      "storage-full",
      "done",
    ]);
    expect(ids()).toEqual(["a", "c"]);
    expect(commit([insertImage("d")])).toEqual(["done"]);
  });

  it("fails as unavailable while another process keeps the lock", async () => {
    const { path, commit, ids } = await openCommitter();
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    expect(commit([insertImage("a")], [insertImage("b")])).toEqual(["unavailable", "unavailable"]);
    other.close();
    expect(ids()).toEqual([]);
    expect(commit([insertImage("a")])).toEqual(["done"]);
  });

  it("applies nothing when the guard objects", async () => {
    const guard = (): void => {
      throw new Error("not this file");
    };
    const { commit, ids } = await openCommitter({ guard });
    expect(commit([insertImage("a")], [insertImage("b")])).toEqual(["unavailable", "unavailable"]);
    expect(ids()).toEqual([]);
  });
});
