import { describe, expect, it } from "vitest";
import { watchAgents } from "../support/burst.ts";
import { afterwards, createWorld } from "../support/matrix/cells.ts";
import { held, KINDS, kindOf, letGo, type World } from "../support/matrix/kinds.ts";
import { expectImage, inStatusWithin, post } from "../support/road.ts";

async function throughAll(world: World, number: number): Promise<void> {
  const kind = KINDS.filter(({ endsIn }) => endsIn === undefined)[number % 4];
  if (kind === undefined) return;
  const id = await held(world, kind, "queue");
  await letGo(world, kind, "queue", id);
  const job = await inStatusWithin(300, world.service, id, "success", "error");
  expect([kind.name, job.status, job.error]).toEqual([kind.name, "success", undefined]);
  await expectImage(world.service, job.resultant_image_id);
}

describe("jobs of all kinds at once", () => {
  for (const [count, cap] of [
    [2, 2],
    [8, 2],
    [8, 8],
  ] as const)
    it(`all end in their images: ${count}, of which ${cap} may run`, async () => {
      const world = await createWorld({ IMS_MAX_JOBS: String(cap) });
      const agents = watchAgents(world.service);
      await Promise.all(Array.from({ length: count }, (_, number) => throughAll(world, number)));
      expect(await agents.stop()).toBe(cap);
      await afterwards(world);
    });

  it("leave each other alone: half are cancelled in the middle, the others make their images", async () => {
    const world = await createWorld({ IMS_MAX_JOBS: "8" });
    const { service } = world;
    const kind = kindOf("create");
    const ids = await Promise.all(Array.from({ length: 8 }, () => held(world, kind, "build")));
    const [cancelled, kept] = [ids.slice(0, 4), ids.slice(4)];
    await Promise.all(cancelled.map((id) => post(service, `/v3/jobs/${id}/cancel`)));
    await Promise.all(kept.map((id) => letGo(world, kind, "build", id)));
    for (const id of kept) {
      const job = await inStatusWithin(300, service, id, "success", "error");
      expect([job.status, job.error]).toEqual(["success", undefined]);
      await expectImage(service, job.resultant_image_id);
    }
    for (const id of cancelled)
      expect(await inStatusWithin(1, service, id, "error")).toMatchObject({ error: { code: "cancelled" } });
    await afterwards(world);
  });
});
