import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { endedJobs, postBurst, untilEnded, watchAgents } from "../support/burst.ts";
import { get, nothingLeft } from "../support/road.ts";
import { startService } from "../support/service-process.ts";

const CAP = 4;
/** Posted before the first kill, and as many again after it. */
const JOBS = 60;
const LONGEST_MS = 15_000;

describe("bursts of jobs while the service is killed again and again", () => {
  it("lose none that was acknowledged: each runs once, and never more at once than may", async () => {
    const service = await startService({ IMS_MAX_JOBS: String(CAP) });
    const agents = watchAgents(service);
    const cut = postBurst(service, JOBS).catch(() => []);
    await sleep(1500 * Math.random());
    await service.end("SIGKILL");
    await service.start();
    const posted = [...(await cut), ...(await postBurst(service, JOBS))];
    const jobs = await get(service, "/v3/jobs");
    expect(jobs.map(({ id }: { id: string }) => id)).toEqual(
      expect.arrayContaining(posted.map(({ id }) => id)),
    );
    let kills = 1;
    while ((await endedJobs(service)) < jobs.length) {
      await sleep(Math.random() * LONGEST_MS);
      await service.end("SIGKILL");
      await service.start();
      kills += 1;
    }
    await untilEnded(service, jobs.length, 60);
    process.stdout.write(`${jobs.length} jobs, ${kills} kills\n`);
    expect(await get(service, "/v3/jobs?status=error")).toEqual([]);
    expect(await get(service, "/v3/images")).toHaveLength(jobs.length);
    for (const { id } of jobs) {
      const log = await (await service.fetch(`/v3/jobs/${id}/log`)).text();
      expect(log.match(/^step fetch-recipe began$/gmu)).toHaveLength(1);
    }
    expect(await agents.stop()).toBeLessThanOrEqual(CAP);
    await nothingLeft(service);
  });
});
