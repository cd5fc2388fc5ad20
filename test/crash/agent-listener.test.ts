import { createServer } from "node:http";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { archiveBytes, ended, expectImage, nothingLeft, postJob, recipe } from "../support/road.ts";
import { startService } from "../support/service-process.ts";

const listener = (output: string) => /^It listens for agents on (\S+)$/mu.exec(output)?.[1];

describe("a service that listens for agents elsewhere", () => {
  it("hears their jobs there, with their tokens, though its own listener asks nobody who they are", async () => {
    const service = await startService({ IMS_AGENT_HOST: "0.0.0.0", IMS_AGENT_PORT: "0" });
    const forAgents = listener(service.output())?.replace("0.0.0.0", "127.0.0.1");
    const job = await ended(service, await postJob(service, await archiveBytes(recipe())));
    expect(job).toMatchObject({ status: "success", resultant_image_id: expect.any(String) });
    await expectImage(service, job.resultant_image_id);
    expect((await fetch(`${forAgents}/v3/images`)).status).toBe(404);
    expect((await fetch(`${forAgents}/agent/jobs/${job.id}/plan`)).status).toBe(401);
    await nothingLeft(service);
    expect(await service.end("SIGTERM")).toBe(0);
  });

  it("does not start when that address is taken, and says so", async () => {
    const other = createServer();
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    onTestFinished(() => void other.close());
    const address = other.address();
    const port = typeof address === "object" && address !== null ? String(address.port) : "";
    const starting = startService({ IMS_AGENT_HOST: "127.0.0.1", IMS_AGENT_PORT: port });
    await expect(starting).rejects.toThrow(`Port ${port} of 127.0.0.1 is taken.`);
  });
});
