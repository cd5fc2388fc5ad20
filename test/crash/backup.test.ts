import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { scratchFolder } from "../support/archives.ts";
import { contentsOf, emptyStore, ims, withStore } from "../support/backup-stores.ts";
import { IMS_MAIN, killedAfter, largeStore } from "../support/ims-process.ts";
import { until } from "../support/service-process.ts";

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
    const child = spawn(process.execPath, [IMS_MAIN, "export", "-"], {
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
    const child = spawn(process.execPath, [IMS_MAIN, "export", where], {
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
