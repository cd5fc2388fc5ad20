import { describe, expect, it } from "vitest";
import { freshStorage, localstackEnv } from "../support/localstack.ts";
import { archiveBytes, ended, expectImage, get, nothingLeft, postJob, recipe } from "../support/road.ts";
import { startService } from "../support/service-process.ts";

describe("the road from recipe to image on DynamoDB and S3", () => {
  it("ends in an image, and nothing is left of the work", async () => {
    const service = await startService(localstackEnv(freshStorage()));
    const id = await postJob(service, await archiveBytes(recipe()));
    const job = await ended(service, id);
    expect(job).toMatchObject({ status: "success", resultant_image_id: expect.any(String) });
    await expectImage(service, job.resultant_image_id);
    expect(await (await service.fetch(`/v3/jobs/${id}/log`)).text()).toContain("stand-in kiwi prepares");
    await nothingLeft(service);
    expect(await get(service, "/v3/images")).toHaveLength(1);
    expect(await service.end("SIGTERM")).toBe(0);
  });
});
