import { execFileSync } from "node:child_process";
import { cp, open, readdir, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { RECORD_KINDS } from "../../../core/records.ts";
import { scratchFolder } from "../../support/archives.ts";
import {
  backup,
  changeObjects,
  contentsOf,
  emptyStore,
  fillStore,
  ims,
  withStore,
} from "../../support/backup-stores.ts";
import { auditObjects } from "../../../core/artifacts/audit.ts";
import { each } from "../../../core/backup/lines.ts";
import { createTestService } from "../../support/ims.ts";
import { testSettings } from "../../support/settings.ts";
import { filesBelow } from "../../support/file-artifacts.ts";
import { insertImage } from "../../support/records-values.ts";

const EMPTY = { kinds: Object.fromEntries(RECORD_KINDS.map((kind) => [kind, []])), objects: [], logs: {} };

async function flipByte(file: string, at: number) {
  const handle = await open(file, "r+");
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
  await handle.write(Buffer.of((buffer[0] ?? 0) ^ 1), 0, 1, at);
  await handle.close();
}

describe("a backup", { timeout: 30_000 }, () => {
  it.each(["backup.tar", "folder"])(
    "has every kind of record in order, all objects with metadata and ETags, and all logs by stream (%s)",
    async (name) => {
      const { where, contents, exported } = await backup(name);
      expect(exported.exitCode).toBe(0);
      expect(exported.said).toEqual([
        expect.stringMatching(/^\d+ records, \d+ objects \(\d+\.\d KiB\), 2 logs \(\d+ bytes\) in \//u),
      ]);
      const empty = Object.entries(contents.kinds).filter(([, records]) => JSON.stringify(records) === "[]");
      expect(empty).toEqual([]);
      const to = await emptyStore();
      expect(await ims(to, "import", where)).toMatchObject({ exitCode: 0 });
      expect(await withStore(to, contentsOf)).toEqual(contents);
      const { mode } = await stat(where);
      expect(mode & 0o077).toBe(0);
    },
  );

  it("is a tar archive that tar itself can list and unpack, and a folder then", async () => {
    const { where, contents } = await backup();
    const folder = await scratchFolder();
    execFileSync("tar", ["-xf", where, "-C", folder]);
    expect(await filesBelow(folder)).toEqual(
      execFileSync("tar", ["-tf", where], { encoding: "utf8" }).trim().split("\n").toSorted(),
    );
    const to = await emptyStore();
    expect(await ims(to, "import", folder)).toMatchObject({ exitCode: 0 });
    expect(await withStore(to, contentsOf)).toEqual(contents);
  });

  it("may leave out logs, or objects as well", async () => {
    const { from, contents } = await backup();
    const folder = await scratchFolder();
    const [records, objects] = [path.join(folder, "r.tar"), path.join(folder, "o.tar")];
    expect(await ims(from, "export", records, "--records-only")).toMatchObject({ exitCode: 0 });
    expect(await ims(from, "export", objects, "--without-logs")).toMatchObject({ exitCode: 0 });
    const [one, other] = [await emptyStore(), await emptyStore()];
    await ims(one, "import", records);
    await ims(other, "import", objects);
    expect(await withStore(one, contentsOf)).toEqual({ ...contents, objects: [], logs: {} });
    expect(await withStore(other, contentsOf)).toEqual({ ...contents, logs: {} });
  });

  it("is refused a name that is taken, and leaves what is there", async () => {
    const { from, where } = await backup();
    const before = await stat(where);
    expect(await ims(from, "export", where)).toEqual({
      exitCode: 1,
      said: [`! error: ${where} is there already.`],
    });
    expect((await stat(where)).mtimeMs).toBe(before.mtimeMs);
    expect(await readdir(path.dirname(where))).toEqual(["backup.tar"]);
  });

  it("has no object that is damaged, and says which one", async () => {
    const { from, contents } = await backup();
    const [file = ""] = (await filesBelow(path.join(from["IMS_DATA"] ?? "", "artifacts"))).filter((name) =>
      name.includes("rootfs"),
    );
    await flipByte(path.join(from["IMS_DATA"] ?? "", "artifacts", file), 0);
    const again = path.join(await scratchFolder(), "again");
    const { exitCode, said } = await ims(from, "export", again);
    expect([exitCode, said[1]]).toEqual([
      1,
      expect.stringMatching(/^! s3:.*rootfs is damaged, and not in the/u),
    ]);
    const to = await emptyStore();
    await ims(to, "import", again);
    expect((await withStore(to, contentsOf)).objects).toHaveLength(contents.objects.length - 1);
  });

  it.each([
    [["export"], "Say where the backup goes: one file, or one folder."],
    [["export", "a", "b"], "Say where the backup goes: one file, or one folder."],
    [["import"], "Which backup? Name one file, or one folder."],
    [["import", "a", "--force"], "Unknown option '--force'"],
  ])("needs words that make sense: %j", async (words, message) => {
    const { exitCode, said } = await ims(await emptyStore(), ...words);
    expect([exitCode, said[0]]).toEqual([2, expect.stringContaining(message)]);
  });
});

describe("an import", { timeout: 60_000 }, () => {
  it("refuses a backup of which any file is changed, cut short or missing, and touches nothing", async () => {
    const { where } = await backup("folder");
    const to = await emptyStore();
    const refused = async () => {
      const { exitCode, said } = await ims(to, "import", where, "--overwrite");
      expect([exitCode, said]).toEqual([1, [expect.stringMatching(/damaged|not whole|no whole/u)]]);
    };
    for (const name of await filesBelow(where)) {
      const file = path.join(where, name);
      const { size } = await stat(file);
      await flipByte(file, Math.floor(size / 2));
      await refused();
      await flipByte(file, Math.floor(size / 2));
      await cp(file, `${where}.kept`);
      await truncate(file, size - 1);
      await refused();
      await rm(file);
      await refused();
      await rename(`${where}.kept`, file);
    }
    expect(await withStore(to, contentsOf)).toEqual(EMPTY);
    expect(await ims(to, "import", where)).toMatchObject({ exitCode: 0 });
  });

  it("refuses an archive that breaks off, or is none, and touches nothing", async () => {
    const { where } = await backup();
    const to = await emptyStore();
    for (const share of [0.99, 0.9, 0.5, 0.1, 0]) {
      await truncate(where, Math.floor((await stat(where)).size * share));
      expect(await ims(to, "import", where)).toMatchObject({ exitCode: 1 });
    }
    await writeFile(where, "x".repeat(2000));
    expect((await ims(to, "import", where)).said).toEqual([expect.stringContaining("This is no backup")]);
    expect((await ims(to, "import", `${where}.not`)).said).toEqual([expect.stringContaining("There is no")]);
    expect(await withStore(to, contentsOf)).toEqual(EMPTY);
  });

  it("refuses a store that has other records, or other objects where the backup's go, unless it is told", async () => {
    const { where, contents } = await backup();
    const other = await emptyStore();
    await withStore(other, ({ records }) => records.commit([insertImage("mine")]));
    const refused = await ims(other, "import", where);
    expect([refused.exitCode, refused.said]).toEqual([1, [expect.stringContaining("has 1 records that")]]);
    expect((await withStore(other, contentsOf)).objects).toEqual([]);

    const [object] = contents.objects;
    const strange = await emptyStore();
    await withStore(strange, ({ artifacts }) =>
      artifacts.write(object ?? { bucket: "ims", key: "k" }, each([Buffer.from("mine")])),
    );
    expect((await ims(strange, "import", where)).said).toEqual([
      expect.stringContaining("has 1 other objects"),
    ]);

    for (const store of [other, strange]) {
      expect(await ims(store, "import", where, "--overwrite")).toMatchObject({ exitCode: 0 });
      expect(await withStore(store, contentsOf)).toEqual(contents);
    }
  });

  it("makes records that were changed since what they were, if it is told", async () => {
    const { from, where, contents } = await backup();
    await withStore(from, async ({ records }) => {
      const [image] = (await records.list("image")).records;
      if (image === undefined) throw new Error("There is no image.");
      const value = { ...image.value, name: "changed" };
      await records.commit([{ op: "replace", kind: "image", id: image.id, version: image.version, value }]);
    });
    expect(await ims(from, "import", where)).toMatchObject({ exitCode: 1 });
    expect(await ims(from, "import", where, "--overwrite")).toMatchObject({ exitCode: 0 });
    expect(await withStore(from, contentsOf)).toEqual(contents);
  });

  it("says what it would do and does nothing in a dry run, and nothing when all is there", async () => {
    const { from, where, contents } = await backup();
    const to = await emptyStore();
    const dry = await ims(to, "import", where, "--dry-run");
    expect([dry.exitCode, dry.said]).toEqual([
      0,
      [expect.stringMatching(/whole. To import: \d+ records, \d\d obj/u)],
    ]);
    expect(await withStore(to, contentsOf)).toEqual(EMPTY);
    expect((await ims(from, "import", where)).said).toEqual([expect.stringContaining(", 0 objects,")]);
    expect(await withStore(from, contentsOf)).toEqual(contents);
  });

  it("refuses objects of other buckets than the store's", async () => {
    const { where } = await backup();
    const to = { ...(await emptyStore()), S3_IMS_BUCKET: "recipes" };
    expect((await ims(to, "import", where)).said).toEqual([expect.stringContaining("set S3_IMS_BUCKET")]);
  });

  it("keeps an ETag that is no digest, as objects that came in parts have", async () => {
    const from = await emptyStore();
    const address = { bucket: "boot-images", key: "foreign" };
    const etag = "9b2cf535f27731c974343645a3985328-3";
    await withStore(from, ({ artifacts }) =>
      artifacts.write(address, each([Buffer.from("x")]), { etag, contentType: "a/b", metadata: { m: "ü" } }),
    );
    const where = path.join(await scratchFolder(), "b.tar");
    await ims(from, "export", where);
    const to = await emptyStore();
    await ims(to, "import", where);
    expect(await withStore(to, ({ artifacts }) => artifacts.stat(address))).toMatchObject({
      etag,
      contentType: "a/b",
      metadata: { m: "ü" },
    });
  });
});

describe("a backup that is made while services write", () => {
  it("has records and objects that agree", async () => {
    const from = await emptyStore();
    const { buckets } = testSettings();
    await withStore(from, (ports) => fillStore(ports));
    const over = new AbortController();
    const writing = withStore(from, async (ports) => {
      for (let round = 0; !over.signal.aborted; round += 1) {
        await changeObjects(ports, round);
        await sleep(Math.random() * 300);
      }
    });
    let agreeing = 0;
    try {
      for (let round = 0; round < 6; round += 1) {
        const where = path.join(await scratchFolder(), "b.tar");
        const { said } = await ims(from, "export", where);
        const to = await emptyStore();
        expect(await ims(to, "import", where)).toMatchObject({ exitCode: 0 });
        // It is said when they never stood still.
        if (said.length > 1) continue;
        agreeing += 1;
        await withStore(to, async (ports) => {
          const service = createTestService({}, ports);
          await service.ims.settle();
          const drift = await auditObjects(ports, buckets);
          // Clients put an image's objects there before the record is linked to them.
          const images = (await ports.records.list("image")).records.map(({ id }) => id);
          const orphans = drift.orphans.filter(({ key }) => !images.some((id) => key.startsWith(`${id}/`)));
          expect([drift.missing, orphans]).toEqual([[], []]);
        });
      }
    } finally {
      over.abort();
      await writing;
    }
    expect(agreeing).toBeGreaterThan(0);
  }, 60_000);
});
