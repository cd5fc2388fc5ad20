import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { bytesOf, hexDigest } from "../support/artifact-content.ts";
import type { Json } from "../support/json.ts";
import { freshStorage, localstackEnv } from "../support/localstack.ts";
import { archiveBytes, ended, expectImage, get, post, postJob, recipe } from "../support/road.ts";
import { startService } from "../support/service-process.ts";

const PART = 5 * 1024 * 1024;
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
});
