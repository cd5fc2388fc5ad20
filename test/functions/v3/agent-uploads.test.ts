import { beforeEach, describe, expect, it } from "vitest";
import { bytesOf, hexDigest } from "../../support/artifact-content.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import { agentOf, jobRequest } from "../../support/job-requests.ts";

const FROM = 1000;
const content = bytesOf(2000);
const SENT = { size: content.length, md5: hexDigest("md5", content), sha256: hexDigest("sha256", content) };

let service: TestService;
beforeEach(() => {
  service = createTestService({ partsFromBytes: FROM });
});

async function launched() {
  const { id } = (await service.post("/v3/jobs", await jobRequest(service))).json;
  await service.ims.reconciler.tick();
  return { id, ...agentOf(service, id, 1) };
}
type Agent = Awaited<ReturnType<typeof launched>>;

const open = async ({ say }: Agent, size = SENT.size, part = "rootfs") =>
  (await say(`artifacts/${part}/upload?size=${size}`)).json;

async function send({ say }: Agent, upload: string, bytes = content) {
  const [{ url }] = (await say(`uploads/${upload}/parts`, { part_numbers: [1] })).json;
  return await service.put(url.replace("http://localhost", ""), bytes);
}

const objects = async () =>
  (await Array.fromAsync(service.ports.artifacts.list("boot-images", ""))).map(({ key }) => key);
const pending = async () => await Array.fromAsync(service.ports.uploads.pending("boot-images"));

describe("an agent's upload in parts", () => {
  it("is what the service wants of large artifacts, and only of those", async () => {
    const agent = await launched();
    expect(await open(agent, FROM - 1)).toMatchObject({ method: "PUT" });
    expect((await agent.say("artifacts/rootfs/upload")).json).toMatchObject({ method: "PUT" });
    const target = await open(agent);
    expect(target).toEqual({ method: "PARTS", upload: expect.any(String), part_size: 64 * 1024 * 1024 });
    expect(await open(agent)).toEqual(target);
    expect((await open(agent, SENT.size, "kernel")).upload).not.toBe(target.upload);
    expect((await agent.say("artifacts/rootfs/upload?size=3000")).status).toBe(409);
  });

  it("puts the artifact where the job's image has it, with its facts, once", async () => {
    const agent = await launched();
    const { upload } = await open(agent);
    await send(agent, upload);
    expect((await agent.ask(`uploads/${upload}/parts`)).json).toEqual([
      { part_number: 1, size: content.length, etag: SENT.md5 },
    ]);
    expect((await agent.say(`uploads/${upload}/complete`, SENT)).status).toBe(204);
    expect((await agent.say(`uploads/${upload}/complete`, SENT)).status).toBe(204);
    const job = await service.ports.records.get("job", agent.id);
    const key = `${job?.value.planned_image_id}/rootfs`;
    expect(await objects()).toEqual([key]);
    const info = await service.ports.artifacts.stat({ bucket: "boot-images", key });
    expect(info).toMatchObject({ ...SENT, metadata: { "x-shasta-ims-job-id": agent.id } });
    expect(await pending()).toEqual([]);
  });

  it("is one, however often and at once it is opened, also where its opening was cut off", async () => {
    const agent = await launched();
    const targets = await Promise.all([open(agent), open(agent), open(agent)]);
    expect(new Set(targets.map(({ upload }) => upload)).size).toBe(1);
    const { upload } = await open(agent);
    const { version } = (await service.ports.records.get("upload-session", upload)) ?? { version: 0 };
    await service.ports.records.commit([{ op: "remove", kind: "upload-session", id: upload, version }]);
    expect((await open(agent)).upload).toBe(upload);
    await send(agent, upload);
    expect((await agent.say(`uploads/${upload}/complete`, SENT)).status).toBe(204);
    expect(await pending()).toEqual([]);
  });

  it("is refused when it is not what the agent says", async () => {
    const agent = await launched();
    const { upload } = await open(agent);
    await send(agent, upload, bytesOf(2000, 9));
    expect((await agent.say(`uploads/${upload}/complete`, SENT)).status).toBe(422);
    expect([await objects(), await pending()]).toEqual([[], []]);
  });

  it("is nobody else's: not of other jobs, of people, or of readers of the list", async () => {
    const [agent, other] = [await launched(), await launched()];
    const { upload } = await open(agent);
    await send(agent, upload);
    for (const ask of [
      () => other.say(`uploads/${upload}/parts`, { part_numbers: [1] }),
      () => other.ask(`uploads/${upload}/parts`),
      () => other.say(`uploads/${upload}/complete`, SENT),
      () => service.get(`/v3/uploads/${upload}`),
      () => service.post(`/v3/uploads/${upload}/complete`),
      () => service.remove(`/v3/uploads/${upload}`),
    ])
      expect((await ask()).status).toBe(404);
    expect((await service.get("/v3/uploads")).json).toEqual([]);
    const image = (await service.post("/v3/images", { name: "i" })).json.id;
    const ours = (await service.post("/v3/uploads", { target: { image, artifact: "rootfs" } })).json.id;
    expect((await agent.ask(`uploads/${ours}/parts`)).status).toBe(404);
    expect((await agent.say(`uploads/${upload}/complete`, SENT)).status).toBe(204);
  });

  it("ends with its job, and leaves nothing", async () => {
    const agent = await launched();
    const { upload } = await open(agent);
    await send(agent, upload);
    await service.ims.recover();
    expect(await pending()).toHaveLength(1);
    await service.post(`/v3/jobs/${agent.id}/cancel`);
    expect((await agent.say(`uploads/${upload}/complete`, SENT)).status).toBe(410);
    await service.ims.recover();
    expect([await objects(), await pending()]).toEqual([[], []]);
  });
});
