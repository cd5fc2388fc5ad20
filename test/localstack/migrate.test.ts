import { describe, expect, it } from "vitest";
import { each } from "../../core/backup/lines.ts";
import {
  contentsOf,
  emptyStore,
  fillStore,
  ims,
  type StoreEnv,
  withStore,
} from "../support/backup-stores.ts";
import { envFile, localTwin, remoteStore } from "../support/migrations.ts";
import { insertImage } from "../support/records-values.ts";
import { PARTED } from "../support/s3-artifacts.ts";

/** What the store of the first environment holds goes into that of the second. */
async function move(from: StoreEnv, to: StoreEnv, ...words: string[]) {
  return await ims(to, "migrate", "--from", await envFile(from), ...words);
}

async function filled(store: StoreEnv): Promise<Awaited<ReturnType<typeof contentsOf>>> {
  return await withStore(store, async (ports) => {
    await fillStore(ports);
    const { artifacts, buckets } = ports;
    // More than S3 is sent in one piece.
    await artifacts.write({ bucket: buckets.images, key: "large" }, each([PARTED]), { contentType: "a/b" });
    return await contentsOf(ports);
  });
}

describe("an installation that is moved", () => {
  it("goes from SQLite and files to DynamoDB and S3, ETags included, and is passed over when it is there", async () => {
    const remote = await remoteStore();
    const local = await localTwin(remote);
    const contents = await filled(local);
    const dry = await move(local, remote, "--dry-run");
    expect([dry.exitCode, dry.said]).toEqual([
      0,
      [expect.stringMatching(/^To move: \d+ records, \d\d objects, 2 logs$/u)],
    ]);
    expect((await withStore(remote, contentsOf)).objects).toEqual([]);
    expect(await move(local, remote)).toMatchObject({ exitCode: 0 });
    expect(await withStore(remote, contentsOf)).toEqual(contents);
    expect(await withStore(local, contentsOf)).toEqual(contents);
    expect((await move(local, remote)).said).toEqual([
      expect.stringMatching(/^Moved: \d+ records, 0 objects, 0 logs$/u),
    ]);
  });

  it("goes from DynamoDB and S3 to SQLite and files, and its records alone to another table", async () => {
    const remote = await remoteStore();
    const contents = await filled(remote);
    const local = await localTwin(remote);
    expect(await move(remote, local)).toMatchObject({ exitCode: 0 });
    expect(await withStore(local, contentsOf)).toEqual(contents);
    // Only the records go elsewhere: objects and logs are there.
    const other = { ...remote, DYNAMODB_TABLE: `${remote["DYNAMODB_TABLE"]}-2` };
    expect((await move(local, other)).said).toEqual([expect.stringMatching(/ 0 objects, 0 logs$/u)]);
    expect(await withStore(other, contentsOf)).toEqual(contents);
  });

  it("is refused a store that has something else, unless it is told", async () => {
    const remote = await remoteStore();
    const local = await localTwin(remote);
    const contents = await filled(local);
    await withStore(remote, ({ records }) => records.commit([insertImage("mine")]));
    expect(await move(local, remote)).toEqual({
      exitCode: 1,
      said: [expect.stringContaining("has 1 records that the source does not have")],
    });
    expect((await withStore(remote, contentsOf)).objects).toEqual([]);
    expect(await move(local, remote, "--overwrite")).toMatchObject({ exitCode: 0 });
    expect(await withStore(remote, contentsOf)).toEqual(contents);
  });

  it("is not taken from a table, bucket or folder that is not there, which is not made", async () => {
    const remote = await remoteStore();
    const local = await emptyStore();
    const absent = await move(remote, local);
    expect([absent.exitCode, absent.said.join()]).toEqual([
      1,
      expect.stringContaining(remote["DYNAMODB_TABLE"] ?? "?"),
    ]);
    expect((await move(local, remote)).said).toEqual([expect.stringContaining("There is no store")]);
  });
});
