import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createSqliteRecords } from "../../adapters/records/sqlite.ts";
import { scratchFolder } from "../support/archives.ts";
import { kill, killWriters, startWriter } from "../support/records-kills.ts";
import { idsOf } from "../support/records-values.ts";

const ROUNDS = Number(process.env["IMS_CRASH_ROUNDS"] ?? 5);
const TIMEOUT_MS = 60_000 + ROUNDS * 10_000;

describe("a store whose process is killed", () => {
  it(
    `holds all that was acknowledged and no half commit, ${ROUNDS} times over (behaviour 195)`,
    { timeout: TIMEOUT_MS },
    async () => {
      const path = join(await scratchFolder(), "records.db");
      expect(
        await killWriters({ store: path, printed: path }, ROUNDS, () => createSqliteRecords({ path })),
      ).toBeGreaterThan(ROUNDS);
    },
  );

  it(
    "is whole or not there at all when it was killed while the store was made",
    { timeout: TIMEOUT_MS },
    async () => {
      for (let round = 0; round < 2 * ROUNDS; round++) {
        const path = join(await scratchFolder(), "records.db");
        const { writer } = await startWriter({ store: path, printed: path }, "first");
        await sleep(50 + Math.random() * 200);
        await kill(writer);
        const records = await createSqliteRecords({ path });
        await records.check();
        expect(await idsOf(records, "recipe")).toEqual([]);
        await records.close();
      }
    },
  );
});
