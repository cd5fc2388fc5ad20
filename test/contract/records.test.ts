import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryRecords } from "../../adapters/records/memory.ts";
import { createSqliteRecords } from "../../adapters/records/sqlite.ts";
import type { Records } from "../../core/ports/records.ts";
import { inTurn } from "../support/records-in-turn.ts";
import { recordsContract, type OpenRecords } from "./records.suite.ts";

async function inNewFolder(open: (path: string) => Promise<Records>): Promise<OpenRecords> {
  const folder = await mkdtemp(join(tmpdir(), "ims-records-"));
  const cleanup = () => rm(folder, { recursive: true, force: true });
  return { records: await open(join(folder, "store", "records.db")), cleanup };
}

recordsContract("memory", async () => ({ records: createMemoryRecords(), cleanup: async () => {} }));

recordsContract("SQLite", () => inNewFolder((path) => createSqliteRecords({ path })));

recordsContract("two SQLite stores on one file", () =>
  inNewFolder(async (path) =>
    inTurn(await Promise.all([createSqliteRecords({ path }), createSqliteRecords({ path })])),
  ),
);
