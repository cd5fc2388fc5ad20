import { describe, expect, it } from "vitest";
import { BURST, postBurst, untilEnded, waiting, watchAgents } from "../support/burst.ts";
import { get, nothingLeft } from "../support/road.ts";
import { startService } from "../support/service-process.ts";

const CAP = 3;

describe("a burst of jobs", () => {
  it("is taken whole, run in its order and never more at once than may, across kill -9 and a restart", async () => {
    const service = await startService({ IMS_MAX_JOBS: String(CAP) });
    const agents = watchAgents(service);
    const posted = await postBurst(service);
    const slowest = Math.max(...posted.map(({ seconds }) => seconds));
    process.stdout.write(`slowest of ${BURST} POSTs at once: ${slowest.toFixed(3)} s\n`);
    const order = (await get(service, "/v3/jobs")).map(({ id }: { id: string }) => id);
    expect(order.toSorted()).toEqual(posted.map(({ id }) => id).toSorted());
    expect(posted).toHaveLength(BURST);

    await untilEnded(service, CAP + 1, 90);
    const before = await waiting(service);
    await service.end("SIGKILL");
    await service.start();
    const after = await waiting(service);
    // Whose turn has come meanwhile was at the head of the queue.
    expect(before).toEqual(order.slice(-before.length));
    expect(after).toEqual(before.slice(-after.length));

    await untilEnded(service, 3 * CAP, 90);
    const later = await waiting(service);
    expect(later).toEqual(order.slice(-later.length));
    expect((await service.fetch("/v3/jobs?status=creating", { method: "DELETE" })).status).toBe(204);
    const left = (await get(service, "/v3/jobs")).length;
    await untilEnded(service, left, 90);
    expect(await agents.stop()).toBe(CAP);
    expect(await get(service, "/v3/jobs?status=error")).toEqual([]);
    await nothingLeft(service);
  });
});
