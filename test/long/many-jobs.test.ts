import { describe, expect, it } from "vitest";
import { watchAgents } from "../support/burst.ts";
import { afterwards, createWorld } from "../support/matrix/cells.ts";
import { held, KINDS, letGo, type World } from "../support/matrix/kinds.ts";
import { expectImage, inStatusWithin } from "../support/road.ts";

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
});
