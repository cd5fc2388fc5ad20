import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { scratchFolder } from "../support/archives.ts";
import { bytesOf, hexDigest } from "../support/artifact-content.ts";
import type { Json } from "../support/json.ts";
import { freshStorage, localstack, localstackEnv } from "../support/localstack.ts";
import {
  archiveBytes,
  ended,
  expectImage,
  get,
  inStatusWithin,
  nothingLeft,
  post,
  postJob,
  recipe,
} from "../support/road.ts";
import { openUploadsIn } from "../support/s3-artifacts.ts";
import { startService, until } from "../support/service-process.ts";
import { tcpGate } from "../support/tcp-gate.ts";

const PART = 5 * 1024 * 1024;
/** Agents send 64 at once. */
const LARGE_MIB = 150;
const whole = bytesOf(2 * PART + 77);
const sha256 = hexDigest("sha256", whole);

describe("uploads in parts of a service on DynamoDB and S3", () => {
  it("go on when the service is killed between parts and while it completes", async () => {
    const service = await startService(localstackEnv(freshStorage()));
    const image = (await post(service, "/v3/images", { name: "i" })).id;
    const target = { image, artifact: "rootfs" };
    const { id } = await post(service, "/v3/uploads", { target, part_size: PART, size: whole.length });
    const signed: Json = await post(service, `/v3/uploads/${id}/parts`, { part_numbers: [1, 2, 3] });
    const send = async (number: number) => {
      const bytes = whole.slice((number - 1) * PART, number * PART);
      const { url } = signed[number - 1];
      expect((await fetch(url, { method: "PUT", body: bytes })).status).toBe(200);
    };
    await send(2);
    await service.end("SIGKILL");
    await send(3);
    await service.start();
    const there = await get(service, `/v3/uploads/${id}/parts`);
    expect(there.map(({ part_number }: Json) => part_number)).toEqual([2, 3]);
    await send(1);
    for (let round = 0; round < 3; round++) {
      const asking = service.fetch(`/v3/uploads/${id}/complete`, { method: "POST" }).catch(() => undefined);
      await sleep(Math.random() * 300);
      await service.end("SIGKILL");
      await asking;
      await service.start();
    }
    const done = await post(service, `/v3/uploads/${id}/complete`);
    expect(done).toMatchObject({ size: whole.length, sha256 });
    const bytes = await (await service.fetch(`/v3/images/${image}/artifacts/rootfs`)).arrayBuffer();
    expect(hexDigest("sha256", new Uint8Array(bytes))).toBe(sha256);
  });

  it("are how a job's agent sends what the service wants so", async () => {
    const service = await startService({ ...localstackEnv(freshStorage()), IMS_UPLOAD_PARTS_FROM: "1" });
    const job = await ended(service, await postJob(service, await archiveBytes(recipe())));
    expect(job).toMatchObject({ status: "success" });
    await expectImage(service, job.resultant_image_id);
    expect(await service.end("SIGTERM")).toBe(0);
    expect(service.output().split("post_agent_complete_parts")).toHaveLength(5);
  });

  it("of an agent go on when the network breaks in the middle, and when the service is killed then", async () => {
    const gate = await tcpGate(localstack().endpoint);
    const storage = freshStorage();
    const service = await startService({ ...localstackEnv(storage, gate.url), IMS_UPLOAD_PARTS_FROM: "1" });
    const id = await postJob(service, await archiveBytes(recipe(`large ${LARGE_MIB}`)));
    await inStatusWithin(120, service, id, "packaging_artifacts");
    const sent = (mebibytes: number) => {
      const wanted = gate.bytes() + mebibytes * 1024 ** 2;
      return until(`${mebibytes} MiB more are sent`, async () => gate.bytes() > wanted || undefined, 120);
    };
    await sent(20);
    gate.cut();
    gate.mend();
    await sent(20);
    gate.cut();
    await service.end("SIGKILL");
    gate.mend();
    await service.start();
    const job = await inStatusWithin(180, service, id, "success", "error");
    expect(job).toMatchObject({ status: "success" });
    const rootfs = await service.fetch(`/v3/images/${job.resultant_image_id}/artifacts/rootfs`);
    const archive = path.join(await scratchFolder(), "rootfs.tar");
    await writeFile(archive, new Uint8Array(await rootfs.arrayBuffer()));
    const large = execFileSync("tar", ["-xOf", archive, "./large"], { maxBuffer: 2 ** 30 });
    const wanted = execFileSync("sh", ["-c", `seq 1 1000000000 2>/dev/null | head -c ${LARGE_MIB}M`], {
      maxBuffer: 2 ** 30,
    });
    expect(large.equals(wanted)).toBe(true);
    expect(await openUploadsIn(storage.buckets.images)).toBe(0);
    await nothingLeft(service);
  });
});
