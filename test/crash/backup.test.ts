import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { scratchFolder } from "../support/archives.ts";
import {
  contentsOf,
  emptyStore,
  fillStore,
  ims,
  type StoreEnv,
  withStore,
} from "../support/backup-stores.ts";
import { until } from "../support/service-process.ts";
import { insertClaim, insertImage } from "../support/records-values.ts";

const MAIN = path.join(import.meta.dirname, "../../functions/cli/main.ts");

/** A store whose import takes a while. */
async function largeStore(): Promise<StoreEnv> {
  const store = await emptyStore();
  await withStore(store, async (ports) => {
    await fillStore(ports, 3_000_000);
    for (let at = 0; at < 2000; at += 100)
      await ports.records.commit(
        Array.from({ length: 50 }, (_, n) => [insertImage(`i${at + n}`), insertClaim(`c${at + n}`)]).flat(),
      );
  });
  return store;
}

/** Whether it had ended by itself before it was killed. */
async function killedAfter(
  milliseconds: number,
  store: StoreEnv,
  words: readonly string[],
): Promise<boolean> {
  const child = spawn(process.execPath, [MAIN, ...words], {
    env: { PATH: process.env["PATH"], ...store },
    stdio: "ignore",
  });
  const exit = once(child, "exit");
  const end = await Promise.race([exit, sleep(milliseconds)]);
  child.kill("SIGKILL");
  await exit;
  return end !== undefined;
}

describe("a backup whose process is killed", () => {
  it("is brought in by the same import again, wherever the first ended", async () => {
    const from = await largeStore();
    const where = path.join(await scratchFolder(), "b.tar");
    expect(await ims(from, "export", where)).toMatchObject({ exitCode: 0 });
    const contents = await withStore(from, contentsOf);
    const to = await emptyStore();
    const seen = new Set<number>();
    for (
      let milliseconds = 300;
      !(await killedAfter(milliseconds, to, ["import", where]));
      milliseconds += 40
    )
      seen.add((await withStore(to, contentsOf)).objects.length);
    expect(seen.size).toBeGreaterThan(0);
    expect(await ims(to, "import", where)).toMatchObject({ exitCode: 0 });
    expect(await withStore(to, contentsOf)).toEqual(contents);
  });

  it("can go through a pipe, with nothing else in it", async () => {
    const from = await largeStore();
    const where = path.join(await scratchFolder(), "b.tar");
    const child = spawn(process.execPath, [MAIN, "export", "-"], {
      env: { PATH: process.env["PATH"], ...from },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [said] = await Promise.all([
      text(child.stderr),
      writeFile(where, child.stdout),
      once(child, "exit"),
    ]);
    expect(said).toMatch(/^\d+ records, .* in the backup\n$/u);
    const to = await emptyStore();
    expect(await ims(to, "import", where)).toMatchObject({ exitCode: 0 });
    expect(await withStore(to, contentsOf)).toEqual(await withStore(from, contentsOf));
  });

  it("leaves nothing when its user has had enough, and says so by 130", async () => {
    const from = await largeStore();
    const folder = await scratchFolder();
    const where = path.join(folder, "b.tar");
    const child = spawn(process.execPath, [MAIN, "export", where], {
      env: { PATH: process.env["PATH"], ...from },
      stdio: "ignore",
    });
    const exit = once(child, "exit");
    await until("the export has begun", async () => ((await readdir(folder)).length > 0 ? true : undefined));
    child.kill("SIGINT");
    const [code] = await exit;
    // Unless it was over first.
    expect([
      [130, []],
      [0, ["b.tar"]],
    ]).toContainEqual([code, await readdir(folder)]);
  });

  it("is whole when it is there under its name, and its next export is not hindered by what was left", async () => {
    const from = await largeStore();
    const folder = await scratchFolder();
    for (const name of ["b.tar", "folder"]) {
      const where = path.join(folder, name);
      // Killed or not: from the moment that it has its name it is whole.
      for (let milliseconds = 250; !(await readdir(folder)).includes(name); milliseconds += 60)
        await killedAfter(milliseconds, from, ["export", where]);
      const to = await emptyStore();
      expect(await ims(to, "import", where)).toMatchObject({ exitCode: 0 });
      expect(await withStore(to, contentsOf)).toEqual(await withStore(from, contentsOf));
    }
  });
});
