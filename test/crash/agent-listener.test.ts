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

  it("has users send parts of uploads to its own listener, or to where it is told that they find it", async () => {
    const agents = { IMS_AGENT_HOST: "127.0.0.1", IMS_AGENT_PORT: "0" };
    const partUrl = async (env: Record<string, string>) => {
      const service = await startService({ ...agents, ...env });
      const post = async (path: string, body: unknown) => {
        const headers = { "content-type": "application/json" };
        return await (
          await service.fetch(path, { method: "POST", headers, body: JSON.stringify(body) })
        ).json();
      };
      const target = { image: (await post("/v3/images", { name: "i" })).id, artifact: "rootfs" };
      const { id } = await post("/v3/uploads", { target });
      const [{ url }] = await post(`/v3/uploads/${id}/parts`, { part_numbers: [1] });
      return { url, own: service.url };
    };
    const { url, own } = await partUrl({});
    expect(url).toContain(`${own}/signed-parts/`);
    const { url: told } = await partUrl({ IMS_PUBLIC_URL: "https://ims.example.com/apis/ims" });
    expect(told).toContain("https://ims.example.com/apis/ims/signed-parts/");
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
