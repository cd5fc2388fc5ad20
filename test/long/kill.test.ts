import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  agentsOf,
  archiveBytes,
  ended,
  expectImage,
  get,
  nothingLeft,
  postJob,
  recipe,
} from "../support/road.ts";
import { killIfThere, type ServiceProcess, startService } from "../support/service-process.ts";

const ROUNDS = Number(process.env["IMS_KILL_ROUNDS"] ?? 30);
const LONGEST_MS = 6000;

describe("kill -9 at any moment of the road", () => {
  for (const victim of ["service", "agent", "both"] as const)
    it(`of ${victim}: every job ends, images are whole, nothing is left`, async () => {
      const service = await startService();
      const archive = await archiveBytes(recipe("seconds 2"));
      const endings: Record<string, number> = {};
      for (let round = 0; round < ROUNDS; round += 1) {
        const id = await postJob(service, archive);
        await sleep(Math.random() * LONGEST_MS);
        await kill(victim, service, id);
        const job = await ended(service, id);
        const how = job.error?.code ?? job.status;
        endings[how] = (endings[how] ?? 0) + 1;
        if (job.status === "success") await expectImage(service, job.resultant_image_id);
      }
      process.stdout.write(`killed ${victim}: ${JSON.stringify(endings)}\n`);
      expect(Object.keys(endings).filter((how) => !["success", "agent_lost"].includes(how))).toEqual([]);
      expect(await get(service, "/v3/images")).toHaveLength(endings["success"] ?? 0);
      await nothingLeft(service);
    });
});

type Victim = "service" | "agent" | "both";

async function kill(victim: Victim, service: ServiceProcess, id: string): Promise<void> {
  if (victim !== "agent") await service.end("SIGKILL");
  if (victim !== "service") for (const pid of agentsOf(id)) killIfThere(pid);
  if (victim !== "agent") await service.start();
}
