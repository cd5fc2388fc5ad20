import { describe, expect, it } from "vitest";
import { createFollower } from "../support/event-stream.ts";
import { archiveBytes, ended, inStatus, postJob, recipe } from "../support/road.ts";
import { type ServiceProcess, startService, until } from "../support/service-process.ts";

const address = (id: string) => `/v3/jobs/${id}/log?follow=1`;
const stored = async (service: ServiceProcess, id: string) =>
  await (await service.fetch(`/v3/jobs/${id}/log`)).text();

async function follow(service: ServiceProcess, id: string, lastId = "") {
  const headers = lastId === "" ? {} : { "last-event-id": lastId };
  return createFollower((await service.fetch(address(id), { headers })).body);
}

/** Follows as a browser does: comes back whenever the stream breaks off, until it is told the end. */
async function followAll(service: ServiceProcess, id: string) {
  let log = "";
  let lastId = "";
  let breaks = 0;
  for (;;) {
    const follower = await until("the service is followed", () =>
      follow(service, id, lastId).catch(() => undefined),
    );
    const last = await follower.toEnd().catch(() => follower.received.at(-1));
    log += follower.log();
    lastId = last?.lastId === undefined || last.lastId === "" ? lastId : last.lastId;
    if (last?.event === "end") return { log, breaks, end: JSON.parse(last.data) };
    breaks += 1;
  }
}

describe("following a job of a real service", () => {
  it("goes on across kill -9 and a restart, without gap or repetition, to the end", async () => {
    const service = await startService();
    const id = await postJob(service, await archiveBytes(recipe("seconds 6")));
    const followers = [followAll(service, id), followAll(service, id)];
    await inStatus(service, id, "building_image");
    await service.end("SIGKILL");
    await service.start();
    for (const { log, breaks, end } of await Promise.all(followers)) {
      expect(log).toBe(await stored(service, id));
      expect(log).toContain("still at it: 5");
      expect(breaks).toBeGreaterThan(0);
      expect(end).toEqual({ status: "success" });
    }
    expect((await service.fetch(address(id), { headers: { "last-event-id": "0.end" } })).status).toBe(204);
  });

  it("is possible on every service of a store, whichever the agent speaks to", async () => {
    const service = await startService();
    const other = await startService({ IMS_DATA: service.data });
    const id = await postJob(service, await archiveBytes(recipe("seconds 3")));
    const [here, there] = await Promise.all([followAll(service, id), followAll(other, id)]);
    expect(here).toEqual({ log: await stored(service, id), breaks: 0, end: { status: "success" } });
    expect(there).toEqual(here);
  });

  it("does not hold up a service that stops: streams end, and the job is followed again after the restart", async () => {
    const service = await startService();
    const id = await postJob(service, await archiveBytes(recipe("seconds 6")));
    const followers = await Promise.all(Array.from({ length: 20 }, () => follow(service, id)));
    await Promise.all(followers.map((each) => each.until(() => each.log().includes("still at it: 0"))));
    const endings = Promise.all(followers.map((each) => each.toEnd()));
    expect(await service.end("SIGTERM")).toBe(0);
    for (const last of await endings) expect(last).not.toMatchObject({ event: "end" });
    expect(service.output()).not.toContain("requests-cut-off");
    await service.start();
    const [first] = followers;
    const rest = await follow(service, id, first?.lastId());
    expect(await rest.toEnd()).toMatchObject({ event: "end" });
    await ended(service, id);
    expect(`${first?.log()}${rest.log()}`).toBe(await stored(service, id));
  });
});
