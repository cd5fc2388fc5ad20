import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchFolder } from "../support/archives.ts";
import { freshTable, onTable } from "../support/dynamo-records.ts";
import { killWriters } from "../support/records-kills.ts";

const ROUNDS = Number(process.env["IMS_CRASH_ROUNDS"] ?? 5);

describe("records in DynamoDB whose processes are killed", () => {
  it(
    `hold all that was acknowledged and no half commit, ${ROUNDS} times over (behaviour 195)`,
    { timeout: 60_000 + ROUNDS * 10_000 },
    async () => {
      const { table, cleanup } = await freshTable();
      const printed = join(await scratchFolder(), "writer");
      expect(
        await killWriters({ store: `dynamodb:${table}`, printed }, ROUNDS, () => onTable(table)),
      ).toBeGreaterThan(ROUNDS);
      await cleanup();
    },
  );
});
