import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryRecords } from "../../adapters/records/memory.ts";
import { createSqliteRecords } from "../../adapters/records/sqlite.ts";
import type { Records } from "../../core/ports/records.ts";
import { recordsContract, type OpenRecords } from "./records.suite.ts";

async function inNewFolder(open: (path: string) => Promise<Records>): Promise<OpenRecords> {
  const folder = await mkdtemp(join(tmpdir(), "ims-records-"));
  const cleanup = () => rm(folder, { recursive: true, force: true });
  return { records: await open(join(folder, "store", "records.db")), cleanup };
}

/** Each call goes to the next store in turn: what one acknowledges, the others must show. */
function inTurn(stores: readonly [Records, ...Records[]]): Records {
  let calls = 0;
  const next = (): Records => stores[calls++ % stores.length] ?? stores[0];
  return {
    get: (kind, id) => next().get(kind, id),
    list: (kind, page) => next().list(kind, page),
    getJson: (kind, id) => next().getJson(kind, id),
    listJson: (kind) => next().listJson(kind),
    commit: (changes) => next().commit(changes),
    check: () => next().check(),
    close: async () => void (await Promise.all(stores.map((store) => store.close()))),
  };
}

recordsContract("memory", async () => ({ records: createMemoryRecords(), cleanup: async () => {} }));

recordsContract("SQLite", () => inNewFolder((path) => createSqliteRecords({ path })));

recordsContract("two SQLite stores on one file", () =>
  inNewFolder(async (path) =>
    inTurn(await Promise.all([createSqliteRecords({ path }), createSqliteRecords({ path })])),
  ),
);
