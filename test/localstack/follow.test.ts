import { describe, expect, it } from "vitest";
import { createFollower } from "../support/event-stream.ts";
import { freshStorage, localstackEnv } from "../support/localstack.ts";
import { archiveBytes, ended, postJob, recipe } from "../support/road.ts";
import { freshLogsBucket, objectsIn } from "../support/s3-job-logs.ts";
import { type ServiceProcess, startService, until } from "../support/service-process.ts";

async function followed(service: ServiceProcess, id: string) {
  const follower = createFollower((await service.fetch(`/v3/jobs/${id}/log?follow=1`)).body);
  const end = await follower.toEnd();
  return { log: follower.log(), end: JSON.parse(end?.data ?? "") };
}

describe("the log of a job, kept in S3", () => {
  it("is followed on another process than the agent speaks to, and in the end is one object", async () => {
    const bucket = await freshLogsBucket();
    const storage = freshStorage();
    const env = {
      ...localstackEnv({ ...storage, buckets: { ...storage.buckets, logs: bucket } }),
      IMS_RECORDS: "sqlite",
      IMS_ARTIFACTS: "files",
      IMS_JOB_LOGS: "s3",
    };
    const service = await startService(env);
    const other = await startService({ ...env, IMS_DATA: service.data });
    const id = await postJob(service, await archiveBytes(recipe("seconds 3")));
    const [here, there] = await Promise.all([followed(service, id), followed(other, id)]);
    expect(here).toEqual({
      log: await (await other.fetch(`/v3/jobs/${id}/log`)).text(),
      end: { status: "success" },
    });
    expect(there).toEqual(here);
    expect(here.log).toContain("still at it: 2");
    await ended(service, id);
    await until("the log is one object", async () =>
      (await objectsIn(bucket)).length === 1 ? true : undefined,
    );
  });
});
