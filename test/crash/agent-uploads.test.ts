import { readdir } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { archiveBytes, ended, expectImage, nothingLeft, postJob, recipe } from "../support/road.ts";
import { startService } from "../support/service-process.ts";

describe("a job whose artifacts go in parts", () => {
  it("ends in the same image, and nothing is left of its uploads", async () => {
    const service = await startService({ IMS_UPLOAD_PARTS_FROM: "1" });
    const job = await ended(service, await postJob(service, await archiveBytes(recipe())));
    expect(job).toMatchObject({ status: "success", resultant_image_id: expect.any(String) });
    await expectImage(service, job.resultant_image_id);
    expect(await readdir(path.join(service.data, "artifacts/uploads"))).toEqual([]);
    expect(await (await service.fetch("/v3/uploads")).json()).toEqual([]);
    await nothingLeft(service);
    expect(await service.end("SIGTERM")).toBe(0);
    expect(service.output().split("post_agent_complete_parts")).toHaveLength(5);
  });
});
