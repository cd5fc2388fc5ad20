import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { scratchFolder } from "../support/archives.ts";
import { backup, contentsOf, fillStore, ims, type StoreEnv, withStore } from "../support/backup-stores.ts";
import type { Json } from "../support/json.ts";
import { localTwin, remoteStore } from "../support/migrations.ts";
import { insertImage, replaceImage } from "../support/records-values.ts";
import { post } from "../support/road.ts";
import { PARTED } from "../support/s3-artifacts.ts";
import { bareS3 } from "../support/s3-job-logs.ts";
import { startService } from "../support/service-process.ts";

/** As other programs store objects: in parts of their own sizes, without our digests. */
async function storeForeign(Bucket: string, Key: string, sizes: readonly number[]): Promise<void> {
  const client = bareS3();
  const place = { Bucket, Key };
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({ ...place, ContentType: "a/b", Metadata: { md5sum: "x" } }),
  );
  const Parts = [];
  let at = 0;
  for (const [index, size] of sizes.entries()) {
    const Body = PARTED.subarray(at, (at += size));
    const part = { ...place, UploadId, PartNumber: index + 1 };
    const { ETag } = await client.send(new UploadPartCommand({ ...part, Body }));
    Parts.push({ ETag, PartNumber: index + 1 });
  }
  await client.send(new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts } }));
  client.destroy();
}

/** The same buckets, emptied, with another table. */
async function emptied(env: StoreEnv): Promise<StoreEnv> {
  await withStore(env, async ({ artifacts, logs, buckets }) => {
    for (const bucket of Object.values(buckets))
      for await (const info of artifacts.list(bucket, "")) await artifacts.remove(info);
    for await (const job of logs.list()) await logs.remove(job);
  });
  return { ...env, DYNAMODB_TABLE: `${env["DYNAMODB_TABLE"]}-2` };
}

describe("a backup, from one kind of storage to another", () => {
  it("brings all of SQLite and files into DynamoDB and S3, and back, in the same order", async () => {
    const remote = await remoteStore();
    const { where, contents } = await backup("b.tar", await localTwin(remote));
    expect(await ims(remote, "import", where)).toMatchObject({ exitCode: 0 });
    expect(await withStore(remote, contentsOf)).toEqual(contents);
    expect((await ims(remote, "import", where)).said).toEqual([expect.stringContaining(", 0 objects,")]);

    const back = path.join(await scratchFolder(), "back");
    expect(await ims(remote, "export", back)).toMatchObject({ exitCode: 0 });
    const local = await localTwin(remote);
    expect(await ims(local, "import", back)).toMatchObject({ exitCode: 0 });
    expect(await withStore(local, contentsOf)).toEqual(contents);
  });

  it("keeps the ETags of objects in S3 that came in parts, of whatever sizes, in files and in S3 again", async () => {
    const remote = await remoteStore();
    const bucket = remote["S3_BOOT_IMAGES_BUCKET"] ?? "";
    await withStore(remote, (ports) => fillStore(ports, 9_000_000));
    await storeForeign(bucket, "even", [5_242_880, 5_242_880, 17]);
    await storeForeign(bucket, "odd", [5_250_001, PARTED.length - 5_250_001]);
    await storeForeign(bucket, "one", [1000]);
    const contents = await withStore(remote, contentsOf);
    const etags = contents.objects.map(({ etag }) => etag);
    expect(etags).toContainEqual(expect.stringMatching(/-1$/u));
    expect(etags).toContainEqual(expect.stringMatching(/-3$/u));
    // What others stored has no digests; a store that it is brought into knows them.
    const described = ({ objects, ...rest }: typeof contents) => ({
      ...rest,
      objects: objects.map(({ md5: _md5, sha256: _sha256, ...object }) => object),
    });
    const where = path.join(await scratchFolder(), "s3.tar");
    expect(await ims(remote, "export", where)).toMatchObject({ exitCode: 0 });
    for (const to of [await localTwin(remote), await emptied(remote)]) {
      expect(await ims(to, "import", where)).toMatchObject({ exitCode: 0 });
      expect(described(await withStore(to, contentsOf))).toEqual(described(contents));
    }
  });

  it("is made while an upload is under way, which goes on, and can be begun anew where the backup is brought", async () => {
    const remote = await remoteStore();
    const service = await startService(remote);
    const { id: image } = await post(service, "/v3/images", { name: "i" });
    const wanted = { target: { image, artifact: "rootfs" }, part_size: 5_242_880, size: PARTED.length };
    const { id } = await post(service, "/v3/uploads", wanted);
    const signed: Json = await post(service, `/v3/uploads/${id}/parts`, { part_numbers: [1, 2, 3] });
    const send = async (number: number) => {
      const bytes = PARTED.slice((number - 1) * 5_242_880, number * 5_242_880);
      expect((await fetch(signed[number - 1].url, { method: "PUT", body: bytes })).status).toBe(200);
    };
    await send(1);
    const where = path.join(await scratchFolder(), "b.tar");
    expect(await ims(remote, "export", where)).toMatchObject({ exitCode: 0 });
    await send(2);
    await send(3);
    expect(await post(service, `/v3/uploads/${id}/complete`)).toMatchObject({ size: PARTED.length });

    const local = await localTwin(remote);
    expect(await ims(local, "import", where)).toMatchObject({ exitCode: 0 });
    const other = await startService(local);
    const refused = await other.fetch(`/v3/uploads/${id}/complete`, { method: "POST" });
    expect(refused.status).toBe(404);
    expect((await other.fetch(`/v3/uploads/${id}`, { method: "DELETE" })).status).toBe(204);
    const again = await post(other, "/v3/uploads", wanted);
    expect((await post(other, `/v3/uploads/${again.id}/parts`, { part_numbers: [1] }))[0].url).toContain(
      other.url,
    );
  });

  it("refuses a table that has other records, unless it is told", async () => {
    const remote = await remoteStore();
    const { where, contents } = await backup("b.tar", await localTwin(remote));
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
    const twin = await localTwin(remote);
    expect(await ims(twin, "import", path.join(folder, "busy"))).toMatchObject({ exitCode: 0 });
  });
});
