import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findJobGroups } from "../../adapters/cgroups/job-groups.ts";
import { agentsOf, archiveBytes, ended, inStatus, nothingLeft, postJob, recipe } from "../support/road.ts";
import { startService, until } from "../support/service-process.ts";

const canLimitMemory = (await findJobGroups()).lacks.length === 0;

describe("what became of a job's agent", () => {
  it("is told when its work folder was removed while it worked, and it is ended", async () => {
    const service = await startService();
    const id = await postJob(service, await archiveBytes(recipe("daemon")));
    // From then on the build only waits: nothing writes into what is being removed.
    await until("the build waits", async () => {
      const log = await (await service.fetch(`/v3/jobs/${id}/log`)).text();
      return log.includes("stand-in kiwi prepares") ? true : undefined;
    });
    await rm(join(service.data, "work", id), { recursive: true, force: true });
    const { error } = await ended(service, id);
    expect(error).toMatchObject({ code: "work_folder_lost", phase: "building_image" });
    await nothingLeft(service);
  });

  it("is told when a signal killed it, with the signal's name", async () => {
    const service = await startService();
    const id = await postJob(service, await archiveBytes(recipe("daemon")));
    await inStatus(service, id, "building_image");
    for (const pid of agentsOf(id)) process.kill(pid, "SIGKILL");
    const { error } = await ended(service, id);
    expect(error).toMatchObject({ code: "agent_lost", phase: "building_image" });
    expect(error.message).toContain("SIGKILL");
    await nothingLeft(service);
  });

  it.runIf(canLimitMemory)("is told when the build took more memory than the job asked for", async () => {
    const service = await startService({ DEFAULT_IMS_JOB_MEM_SIZE: "1" });
    const id = await postJob(service, await archiveBytes(recipe("eat")));
    const { error } = await ended(service, id);
    expect(error).toMatchObject({ code: "oom_killed", phase: "building_image", exit_code: 137 });
    expect(error.hint).toBe(
      "The job asked for 1 GiB (job_mem_size) and used 1 GiB at its peak: post it again with job_mem_size 2.",
    );
    await nothingLeft(service);
  });
});
