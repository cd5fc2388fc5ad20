import { describe, expect, it } from "vitest";
import { createS3Artifacts } from "../../adapters/artifacts/s3/artifacts.ts";
import { ensureBuckets } from "../../adapters/artifacts/s3/buckets.ts";
import { createS3Uploads } from "../../adapters/artifacts/s3/uploads.ts";
import { getStored } from "../../core/collection.ts";
import { after } from "../../core/uploads/upload-session.ts";
import { bytesOf, hexDigest } from "../support/artifact-content.ts";
import { createTestService } from "../support/ims.ts";
import { agentOf, jobRequest } from "../support/job-requests.ts";
import { freshName, localstack } from "../support/localstack.ts";

const PART = 5 * 1024 * 1024;
const whole = bytesOf(PART + 1000);
const SENT = { size: whole.length, md5: hexDigest("md5", whole), sha256: hexDigest("sha256", whole) };

/** A service in memory with its objects in S3. */
async function open(now = Date.now()) {
  const aws = localstack();
  const buckets = { recipes: freshName("ims"), images: freshName("boot-images") };
  await ensureBuckets({ aws, buckets: Object.values(buckets), create: true });
  const clock = { now: () => now };
  const artifacts = createS3Artifacts({ aws, clock, buckets: Object.values(buckets) });
  const uploads = createS3Uploads({ aws, clock });
  const service = createTestService({ partsFromBytes: 1 }, { artifacts, uploads }, undefined, { buckets });
  service.time.now = now;
  const newImage = async (): Promise<string> => (await service.post("/v3/images", { name: "i" })).json.id;
  return {
    ...service,
    newImage,
    begin: async (image: string, said: object = {}): Promise<string> => {
      const body = { target: { image, artifact: "rootfs" }, part_size: PART, ...said };
      return (await service.post("/v3/uploads", body)).json.id;
    },
    send: async (id: string, number: number, bytes: Uint8Array<ArrayBuffer>, headers = {}) => {
      const [signed] = (await service.post(`/v3/uploads/${id}/parts`, { part_numbers: [number] })).json;
      return (await fetch(signed.url, { method: "PUT", body: bytes, headers })).status;
    },
    complete: (id: string) => service.post(`/v3/uploads/${id}/complete`),
    left: async () => ({
      keys: (await Array.fromAsync(artifacts.list(buckets.images, ""))).map(({ key }) => key),
      pending: (await Array.fromAsync(uploads.pending(buckets.images))).map(({ id }) => id),
    }),
  };
}

describe("an upload in parts to S3", () => {
  it("becomes the artifact, once, with the digests of the whole that S3 does not count", async () => {
    const { newImage, begin, send, complete, left, get } = await open();
    const image = await newImage();
    const id = await begin(image);
    await Promise.all([send(id, 2, whole.slice(PART)), send(id, 1, whole.slice(0, PART))]);
    const answers = await Promise.all([complete(id), complete(id), complete(id)]);
    for (const answer of [...answers, await complete(id)])
      expect(answer).toMatchObject({ status: 200, json: { ...SENT, link: answers[0].json.link } });
    expect(await left()).toEqual({ keys: [`${image}/rootfs`], pending: [] });
    expect((await get(`/v3/images/${image}/artifacts`)).json).toMatchObject([SENT]);
  });

  it("goes on after a completion that ended in the middle", async () => {
    const { newImage, begin, send, complete, left, ports, time } = await open();
    const image = await newImage();
    const id = await begin(image, SENT);
    await send(id, 1, whole.slice(0, PART));
    await send(id, 2, whole.slice(PART));
    const session = await getStored(ports.records, "upload-session", id);
    const closing = after(session.value, { do: "close" }, time.now) ?? session.value;
    await ports.records.commit([{ op: "replace", kind: "upload-session", id, version: 1, value: closing }]);
    const { bucket, key, handle } = closing.storage;
    const upload = { id, address: { bucket, key }, handle, partBytes: PART };
    await ports.uploads.assemble(upload, await ports.uploads.parts(upload));
    expect(await complete(id)).toMatchObject({ status: 200, json: SENT });
    expect(await left()).toEqual({ keys: [`${image}/rootfs`], pending: [] });
  });

  it("leaves nothing when it is not what was said, or is aborted", async () => {
    const { newImage, begin, send, complete, left, remove } = await open();
    const wrong = await begin(await newImage(), { sha256: "0".repeat(64) });
    await send(wrong, 1, bytesOf(10));
    expect((await complete(wrong)).status).toBe(422);
    expect((await complete(wrong)).status).toBe(422);
    const aborted = await begin(await newImage());
    await send(aborted, 1, bytesOf(10));
    expect(await send(aborted, 1, bytesOf(10), { "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==" })).toBe(400);
    await remove(`/v3/uploads/${aborted}`);
    expect(await left()).toEqual({ keys: [], pending: [] });
  });

  it("takes nothing by a URL that has expired", async () => {
    const { newImage, begin, send } = await open(Date.now() - 8 * 86_400_000);
    expect(await send(await begin(await newImage()), 1, bytesOf(10))).toBe(403);
  });

  it("is swept when nobody completes it", async () => {
    const { newImage, begin, send, left, time, ims } = await open();
    const id = await begin(await newImage());
    await send(id, 1, bytesOf(10));
    await ims.recover();
    expect((await left()).pending).toEqual([id]);
    time.now += 73 * 3_600_000;
    await ims.recover();
    expect(await left()).toEqual({ keys: [], pending: [] });
  });

  it("brings an agent's artifact straight to its place", async () => {
    const service = await open();
    const { id } = (await service.post("/v3/jobs", await jobRequest(service))).json;
    await service.ims.reconciler.tick();
    const agent = agentOf(service, id);
    const { upload } = (await agent.say(`artifacts/rootfs/upload?size=${SENT.size}`)).json;
    const [{ url }] = (await agent.say(`uploads/${upload}/parts`, { part_numbers: [1] })).json;
    expect((await fetch(url, { method: "PUT", body: whole })).status).toBe(200);
    expect((await agent.say(`uploads/${upload}/complete`, SENT)).status).toBe(204);
    expect((await agent.say(`uploads/${upload}/complete`, SENT)).status).toBe(204);
    const { keys } = await service.left();
    expect(keys).toEqual([expect.stringMatching(/\/rootfs$/u)]);
    const info = await service.ports.artifacts.stat({
      bucket: service.settings.buckets.images,
      key: keys[0] ?? "",
    });
    expect(info).toMatchObject({ ...SENT, metadata: { "x-shasta-ims-job-id": id } });
  });
});
