import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { open, readFile, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { expect, vi } from "vitest";
import { listStored } from "../../core/collection.ts";
import type { Records } from "../../core/ports/records.ts";

const WRITER = fileURLToPath(new URL("records-crash-writer.ts", import.meta.url));

/** Where a writer's records are, and where what it prints goes. */
export interface WriterPlace {
  /** A file of SQLite's, or `dynamodb:` and a table's name. */
  readonly store: string;
  readonly printed: string;
}

/** Its output goes to a file: that keeps what was printed before a kill, and unlike a pipe is never full. */
export async function startWriter(
  place: WriterPlace,
  name: string,
): Promise<{ writer: ChildProcess; printed: string }> {
  const printed = `${place.printed}.${name}.printed`;
  const output = await open(printed, "wx");
  const writer = spawn(process.execPath, [WRITER, place.store, name], {
    stdio: ["ignore", output.fd, "inherit"],
  });
  await output.close();
  return { writer, printed };
}

/** A writer that ended by itself did not crash, and would prove nothing. */
export async function kill(writer: ChildProcess): Promise<void> {
  const exit = once(writer, "exit");
  if (!writer.kill("SIGKILL")) throw new Error("The writer ended before it was killed.");
  const [, signal] = await exit;
  expect(signal).toBe("SIGKILL");
}

/** Lets a writer run for a random time after its first acknowledgement, kills it, and answers the lines it printed. */
async function killedWriter(place: WriterPlace, name: string): Promise<string[]> {
  const { writer, printed } = await startWriter(place, name);
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

/** Of both kinds; what a killed process had sent already may still arrive while they are listed. */
async function versions(records: Records) {
  const of = async (kind: "image" | "link-claim") =>
    new Map((await listStored(records, kind)).map(({ id, version }) => [id, version]));
  for (let images = await of("image"); ;) {
    const claims = await of("link-claim");
    const again = await of("image");
    if (isDeepStrictEqual(images, again)) return { images, claims };
    images = again;
  }
}

/** Kills writers, and holds what they leave against what they were told that it is done; answers how much that was. */
export async function killWriters(
  place: WriterPlace,
  rounds: number,
  reopen: () => Promise<Records>,
): Promise<number> {
  const last = new Map<string, string>();
  for (let round = 0; round < rounds; round++) {
    const lines = await killedWriter(place, `round${round}`);
    for (const line of lines) {
      const [step = "", id = ""] = line.split(" ");
      last.set(id, step);
    }
    const records = await reopen();
    const { images, claims } = await versions(records);
    expect(claims).toEqual(images);
    expect(lines.length).toBeGreaterThan(0);
    const wrong = [...last].filter(([id, step]) => {
      const steps = 1 + (Number(id.split("-")[2]) % 3);
      return !allowedVersions(step, steps).includes(images.get(id) ?? 0);
    });
    expect(wrong).toEqual([]);
    await records.check();
    await records.close();
  }
  return last.size;
}
