import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { scratchFolder } from "../support/archives.ts";
import {
  backup,
  contentsOf,
  emptyStore,
  fillStore,
  ims,
  type StoreEnv,
  withStore,
} from "../support/backup-stores.ts";
import { freshStorage, localstackEnv } from "../support/localstack.ts";
import { insertImage, replaceImage } from "../support/records-values.ts";
import { freshLogsBucket } from "../support/s3-job-logs.ts";

/** Records in DynamoDB and logs in S3, nothing in them yet. */
async function remoteStore(): Promise<StoreEnv> {
  const storage = freshStorage();
  const logs = await freshLogsBucket();
  const env = localstackEnv({ ...storage, buckets: { recipes: "ims", images: "boot-images", logs } });
  const { IMS_DATA = "" } = await emptyStore();
  return { ...env, IMS_ARTIFACTS: "files", IMS_JOB_LOGS: "s3", IMS_DATA };
}

describe("a backup, from one kind of storage to another", () => {
  it("brings all of SQLite and files into DynamoDB and S3, and back, in the same order", async () => {
    const { where, contents } = await backup();
    const remote = await remoteStore();
    expect(await ims(remote, "import", where)).toMatchObject({ exitCode: 0 });
    expect(await withStore(remote, contentsOf)).toEqual(contents);
    expect((await ims(remote, "import", where)).said).toEqual([expect.stringContaining(", 0 objects,")]);

    const back = path.join(await scratchFolder(), "back");
    expect(await ims(remote, "export", back)).toMatchObject({ exitCode: 0 });
    const local = await emptyStore();
    expect(await ims(local, "import", back)).toMatchObject({ exitCode: 0 });
    expect(await withStore(local, contentsOf)).toEqual(contents);
  });

  it("refuses a table that has other records, unless it is told", async () => {
    const { where, contents } = await backup();
    const remote = await remoteStore();
    await withStore(remote, ({ records }) => records.commit([insertImage("mine")]));
    expect(await ims(remote, "import", where)).toMatchObject({ exitCode: 1 });
    expect(await ims(remote, "import", where, "--overwrite")).toMatchObject({ exitCode: 0 });
    expect(await withStore(remote, contentsOf)).toEqual(contents);
  });

  it("says that records of DynamoDB are not as of one moment when they change all the time, and else that they are", async () => {
    const remote = await remoteStore();
    await withStore(remote, fillStore);
    const folder = await scratchFolder();
    expect(await ims(remote, "export", path.join(folder, "quiet"))).toMatchObject({ exitCode: 0 });

    const over = new AbortController();
    const writing = withStore(remote, async ({ records }) => {
      await records.commit([insertImage("busy")]);
      for (let version = 1; !over.signal.aborted; version += 1) {
        await records.commit([replaceImage("busy", version, { n: String(version) })]);
        await sleep(1);
      }
    });
    const busy = await ims(remote, "export", path.join(folder, "busy"));
    over.abort();
    await writing;
    expect([busy.exitCode, busy.said]).toEqual([
      1,
      expect.arrayContaining([expect.stringContaining("not as of one moment")]),
    ]);
    // What it has is whole all the same.
    expect(await ims(await emptyStore(), "import", path.join(folder, "busy"))).toMatchObject({ exitCode: 0 });
  });
});
