import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it, vi } from "vitest";
import { createSqliteRecords } from "../../adapters/records/sqlite.ts";
import type { Records } from "../../core/ports/records.ts";
import { scratchFolder } from "../support/archives.ts";
import { idsOf } from "../support/records-values.ts";

const WRITER = fileURLToPath(new URL("../support/records-crash-writer.ts", import.meta.url));
const ROUNDS = Number(process.env["IMS_CRASH_ROUNDS"] ?? 5);
const TIMEOUT_MS = 60_000 + ROUNDS * 10_000;

/** Its output goes to a file: that keeps what was printed before a kill, and unlike a pipe is never full. */
async function startWriter(path: string, name: string): Promise<{ writer: ChildProcess; printed: string }> {
  const printed = `${path}.${name}.printed`;
  const output = await open(printed, "wx");
  const writer = spawn(process.execPath, [WRITER, path, name], { stdio: ["ignore", output.fd, "inherit"] });
  await output.close();
  return { writer, printed };
}

/** A writer that ended by itself did not crash, and would prove nothing. */
async function kill(writer: ChildProcess): Promise<void> {
  const exit = once(writer, "exit");
  if (!writer.kill("SIGKILL")) throw new Error("The writer ended before it was killed.");
  const [, signal] = await exit;
  expect(signal).toBe("SIGKILL");
}

/** Lets a writer run for a random time after its first acknowledgement, kills it, and answers the lines it printed. */
async function killedWriter(path: string, name: string): Promise<string[]> {
  const { writer, printed } = await startWriter(path, name);
  await vi.waitUntil(async () => (await stat(printed)).size > 0, { timeout: 30_000, interval: 5 });
  await sleep(Math.random() * 700);
  await kill(writer);
  // The kill may have cut the last line short; a whole one ends with a line feed.
  return (await readFile(printed, "utf8")).split("\n").slice(0, -1);
}

/** Versions of a pair as the store may hold them after these were acknowledged (0: gone), for a life of so many steps. */
function allowedVersions(lastStep: string, steps: number): number[] {
  if (lastStep === "removed") return [0];
  if (lastStep === "changed") return steps === 2 ? [2] : [2, 0];
  return steps === 1 ? [1] : [1, 2];
}

async function versions(records: Records, kind: "image" | "link-claim"): Promise<Map<string, number>> {
  return new Map((await records.list(kind)).records.map(({ id, version }) => [id, version]));
}

describe("a store whose process is killed", () => {
  it(
    `holds all that was acknowledged and no half commit, ${ROUNDS} times over (behaviour 195)`,
    { timeout: TIMEOUT_MS },
    async () => {
      const path = join(await scratchFolder(), "records.db");
      const last = new Map<string, string>();
      for (let round = 0; round < ROUNDS; round++) {
        const lines = await killedWriter(path, `round${round}`);
        for (const line of lines) {
          const [step = "", id = ""] = line.split(" ");
          last.set(id, step);
        }
        const records = await createSqliteRecords({ path });
        const images = await versions(records, "image");
        expect(await versions(records, "link-claim")).toEqual(images);
        expect(lines.length).toBeGreaterThan(0);
        const wrong = [...last].filter(([id, step]) => {
          const steps = 1 + (Number(id.split("-")[2]) % 3);
          return !allowedVersions(step, steps).includes(images.get(id) ?? 0);
        });
        expect(wrong).toEqual([]);
        await records.check();
        await records.close();
      }
    },
  );

  it(
    "is whole or not there at all when it was killed while the store was made",
    { timeout: TIMEOUT_MS },
    async () => {
      for (let round = 0; round < 2 * ROUNDS; round++) {
        const path = join(await scratchFolder(), "records.db");
        const { writer } = await startWriter(path, "first");
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
