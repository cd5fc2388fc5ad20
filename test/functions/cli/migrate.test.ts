import { describe, expect, it } from "vitest";
import path from "node:path";
import { open } from "node:fs/promises";
import { digestsOf } from "../../../adapters/backup/digesting.ts";
import { createPagedSnapshots } from "../../../adapters/records/snapshots.ts";
import { each } from "../../../core/backup/lines.ts";
import { migrateStore } from "../../../core/backup/migrate.ts";
import {
  contentsOf,
  emptyStore,
  fillStore,
  ims,
  type StoreEnv,
  withStore,
} from "../../support/backup-stores.ts";
import { filesBelow } from "../../support/file-artifacts.ts";
import { envFile } from "../../support/migrations.ts";
import { insertImage } from "../../support/records-values.ts";

async function filled(): Promise<StoreEnv> {
  const store = await emptyStore();
  await withStore(store, (ports) => fillStore(ports));
  return store;
}

const move = async (from: StoreEnv, to: StoreEnv, ...words: string[]) =>
  await ims(to, "migrate", "--from", await envFile(from), ...words);

describe("moving an installation", { timeout: 30_000 }, () => {
  it("brings all of it from one folder to another, and nothing twice", async () => {
    const [from, to] = [await filled(), await emptyStore()];
    expect(await move(from, to)).toMatchObject({ exitCode: 0 });
    const contents = await withStore(from, contentsOf);
    expect(await withStore(to, contentsOf)).toEqual(contents);
    expect(await move(from, to)).toMatchObject({
      exitCode: 0,
      said: [expect.stringMatching(/^Moved: \d+ records, 0 objects, 0 logs$/u)],
    });
  });

  it("leaves out an object that is not what was stored once, names it, and brings the others", async () => {
    const [from, to] = [await filled(), await emptyStore()];
    const root = path.join(from["IMS_DATA"] ?? "", "artifacts");
    const [file = ""] = (await filesBelow(root)).filter((name) => name.includes("rootfs"));
    const handle = await open(path.join(root, file), "r+");
    await handle.write(Buffer.of(0), 0, 1, 0);
    await handle.close();
    const { exitCode, said } = await move(from, to);
    expect([exitCode, said[1]]).toEqual([1, expect.stringMatching(/^! s3:\/\/.*rootfs was left out: /u)]);
    const [ours, theirs] = [await withStore(from, contentsOf), await withStore(to, contentsOf)];
    expect(theirs.kinds).toEqual(ours.kinds);
    expect(theirs.objects).toHaveLength(ours.objects.length - 1);
  });

  it("takes an object without digests for the same when its content is", async () => {
    const [from, to] = [await emptyStore(), await emptyStore()];
    const address = { bucket: "ims", key: "k" };
    const write = (text: string, etag: string) => async (ports: Parameters<typeof contentsOf>[0]) =>
      await ports.artifacts.write(address, each([Buffer.from(text)]), { etag });
    await withStore(from, write("text", "1"));
    await withStore(to, write("other", "2"));
    expect((await move(from, to)).said).toEqual([expect.stringContaining("has 1 other objects")]);
    await withStore(to, write("text", "2"));
    expect(await move(from, to)).toMatchObject({ exitCode: 0 });
    expect(await withStore(to, ({ artifacts }) => artifacts.stat(address))).toMatchObject({ etag: "1" });
  });

  it("is refused where the source is not, and says which file is meant", async () => {
    const [from, to] = [await emptyStore(), await emptyStore()];
    expect(await move(from, to)).toEqual({
      exitCode: 1,
      said: [expect.stringMatching(/^! error: There is no store: .*records\.sqlite is missing\.$/u)],
    });
    expect((await ims(to, "migrate", "--from", "/none.env")).said).toEqual([
      expect.stringContaining("/none.env, cannot be read"),
    ]);
    expect((await ims(to, "migrate", "--original", "/none")).said).toEqual([
      expect.stringContaining("data files cannot be read"),
    ]);
    expect(await ims(to, "migrate")).toMatchObject({ exitCode: 2 });
    expect(await ims(to, "migrate", "--form", "x")).toMatchObject({ exitCode: 2 });
  });

  it.each(["a record", "an object"])("says so when %s of the source changes meanwhile", async (what) => {
    const [from, to] = [await filled(), await emptyStore()];
    await withStore(from, async ({ buckets, ...source }) => {
      const change = {
        "a record": () => source.records.commit([insertImage("new")]),
        "an object": () => source.artifacts.write({ bucket: buckets.images, key: "new" }, each([])),
      }[what];
      let taken = 0;
      const moving = withStore(to, async (target) =>
        migrateStore(
          {
            ...source,
            snapshots: {
              areOfOneMoment: false,
              // The second time they are taken, it has begun.
              async *take() {
                yield* createPagedSnapshots(source.records).take();
                if (taken++ === 1) await change?.();
              },
            },
            digest: digestsOf,
          },
          target,
          { buckets, overwrite: false, dryRun: false, progress: () => undefined },
        ),
      );
      await expect(moving).rejects.toMatchObject({
        code: "conflict",
        message: expect.stringContaining("source changes while it is moved"),
      });
    });
  });

  it("does not let the endpoint of one environment count for the other", async () => {
    const aws = { IMS_RECORDS: "dynamodb", AWS_REGION: "eu-central-1" };
    const to = { ...(await emptyStore()), AWS_ENDPOINT_URL: "http://127.0.0.1:1" };
    expect((await move(aws, to)).said).toEqual([expect.stringContaining("would count for the source")]);
  });
});
