import { beforeEach, describe, expect, it } from "vitest";
import { bytesOf, hexDigest } from "../../support/artifact-content.ts";
import { createTestService, type TestService } from "../../support/ims.ts";

const PART = 5 * 1024 * 1024;
const HOUR = 3_600_000;

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const whole = bytesOf(PART + 100);
const md5 = hexDigest("md5", whole);
const sha256 = hexDigest("sha256", whole);
const keys = async (bucket = "boot-images") =>
  (await Array.fromAsync(service.ports.artifacts.list(bucket, ""))).map(({ key }) => key);
const pending = async (bucket = "boot-images") =>
  (await Array.fromAsync(service.ports.uploads.pending(bucket))).map(({ id }) => id);

const newImage = async (): Promise<string> => (await service.post("/v3/images", { name: "i" })).json.id;
const newRecipe = async (): Promise<string> =>
  (await service.post("/v3/recipes", { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" }))
    .json.id;
const ofImage = (image: string, artifact = "rootfs") => ({ target: { image, artifact } });

async function open(body: object): Promise<string> {
  const answer = await service.post("/v3/uploads", { part_size: PART, ...body });
  expect(answer.status).toBe(201);
  return answer.json.id;
}

async function urlOf(id: string, number: number): Promise<string> {
  const [signed] = (await service.post(`/v3/uploads/${id}/parts`, { part_numbers: [number] })).json;
  return signed.url.replace("http://localhost", "");
}

const send = async (id: string, number: number, bytes: Uint8Array<ArrayBuffer>) =>
  await service.app.request(await urlOf(id, number), { method: "PUT", body: bytes });

async function sendAll(id: string, bytes = whole): Promise<void> {
  await send(id, 2, bytes.slice(PART));
  await send(id, 1, bytes.slice(0, PART));
}

const complete = (id: string, query = "") => service.post(`/v3/uploads/${id}/complete${query}`);

describe("an upload in parts", () => {
  it("says what it is for, how large its parts are and until when", async () => {
    const image = await newImage();
    const { status, json } = await service.post("/v3/uploads", {
      ...ofImage(image),
      size: 20 * 1024 ** 3,
      sha256,
    });
    expect(status).toBe(201);
    expect(json).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/u),
      created: "2026-06-15T12:00:00.000Z",
      expires_at: "2026-06-18T12:00:00.000Z",
      target: { image, artifact: "rootfs" },
      part_size: 64 * 1024 * 1024,
      size: 20 * 1024 ** 3,
      sha256,
      state: "open",
    });
    expect((await service.get(`/v3/uploads/${json.id}`)).json).toEqual(json);
    expect((await service.get("/v3/uploads")).json).toEqual([json]);
  });

  it("has parts in which the largest that is allowed fits, when nobody says how large it will be", async () => {
    const image = await service.post("/v3/uploads", ofImage(await newImage()));
    expect(image.json.part_size * 10_000).toBeGreaterThanOrEqual(1024 ** 4);
  });

  it("becomes an image's artifact, with the answer of its PUT", async () => {
    const [image, other] = [await newImage(), await newImage()];
    const id = await open({ ...ofImage(image), size: whole.length, md5, sha256 });
    await sendAll(id);
    expect((await service.get(`/v3/uploads/${id}/parts`)).json).toEqual([
      { part_number: 1, size: PART, etag: hexDigest("md5", whole.slice(0, PART)) },
      { part_number: 2, size: 100, etag: hexDigest("md5", whole.slice(PART)) },
    ]);
    const answer = await complete(id);
    const asPut = await service.put(`/v3/images/${other}/artifacts/rootfs`, whole);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      ...asPut.json,
      link: { ...asPut.json.link, path: `s3://boot-images/${image}/rootfs` },
    });
    expect(await keys()).toEqual([`${image}/rootfs`, `${other}/rootfs`].sort());
    expect(await pending()).toEqual([]);
    expect((await service.get(`/v3/uploads/${id}`)).json).toMatchObject({ state: "completed" });
    expect((await service.post(`/v3/images/${image}/manifest`)).status).toBe(200);
  });

  it("becomes a recipe's archive, with the answer of its PUT", async () => {
    const recipe = await newRecipe();
    const id = await open({ target: { recipe } });
    await sendAll(id);
    const answer = await complete(id, `?size=${whole.length}&sha256=${sha256}`);
    expect(answer.json).toEqual((await service.get(`/v3/recipes/${recipe}`)).json);
    expect(answer.json.link.path).toBe(`s3://ims/recipes/${recipe}/recipe.tar.gz`);
    expect(await keys("ims")).toEqual([`recipes/${recipe}/recipe.tar.gz`]);
    const archive = await service.app.request(`/v3/recipes/${recipe}/archive`);
    expect(hexDigest("sha256", new Uint8Array(await archive.arrayBuffer()))).toBe(sha256);
  });

  it("answers the same again to who did not hear it, also when the record has gone on", async () => {
    const recipe = await newRecipe();
    const id = await open({ target: { recipe } });
    await sendAll(id);
    const first = await complete(id);
    await service.remove(`/v3/recipes/${recipe}`);
    expect(await complete(id)).toMatchObject({ status: 200, json: first.json });
  });

  it("is completed once, whoever asks at the same time", async () => {
    const image = await newImage();
    const id = await open(ofImage(image));
    await sendAll(id);
    const answers = await Promise.all(Array.from({ length: 8 }, () => complete(id)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await keys()).toEqual([`${image}/rootfs`]);
    expect(await pending()).toEqual([]);
  });

  it("is not completed while parts are missing or of another size, and goes on", async () => {
    const id = await open({ ...ofImage(await newImage()), size: whole.length });
    expect(await complete(id)).toMatchObject({
      status: 422,
      json: { detail: "No part has been uploaded yet." },
    });
    await send(id, 2, whole.slice(PART));
    expect((await complete(id)).json.detail).toBe("Not all parts are there: part 1 is missing.");
    await send(id, 1, whole.slice(0, 1000));
    expect((await complete(id)).json.detail).toMatch(/Part 1 has 1000 bytes/u);
    await send(id, 1, whole.slice(0, PART));
    await send(id, 2, whole.slice(PART, PART + 5));
    expect((await complete(id)).json.detail).toMatch(/5242885 bytes together/u);
    await send(id, 2, whole.slice(PART));
    expect((await complete(id, "?size=5")).json.detail).toMatch(/another size/u);
    expect((await complete(id)).status).toBe(200);
  });

  it("takes no part larger than its parts are, and none that is not what its sender says", async () => {
    const id = await open(ofImage(await newImage()));
    expect((await send(id, 1, bytesOf(PART + 1))).status).toBe(413);
    const wrong = await service.put(await urlOf(id, 1), bytesOf(10), {
      "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==",
    });
    expect(wrong.status).toBe(422);
    expect((await service.get(`/v3/uploads/${id}/parts`)).json).toEqual([]);
    expect(await service.post(`/v3/uploads/${id}/parts`, { part_numbers: [0] })).toMatchObject({
      status: 422,
    });
    const sized = await open({ ...ofImage(await newImage()), size: 10 });
    expect(await service.post(`/v3/uploads/${sized}/parts`, { part_numbers: [2] })).toMatchObject({
      status: 422,
    });
  });

  it("ends without an object when the whole is not what was said, and says so again", async () => {
    const image = await newImage();
    const id = await open({ ...ofImage(image), sha256: "0".repeat(64) });
    await sendAll(id);
    const refused = await complete(id);
    expect(refused).toMatchObject({ status: 422, json: { detail: expect.stringContaining("sha256") } });
    expect(await complete(id)).toMatchObject({ status: 422, json: refused.json });
    expect((await service.get(`/v3/uploads/${id}`)).json).toMatchObject({
      state: "aborted",
      reason: refused.json.detail,
    });
    expect([await keys(), await pending()]).toEqual([[], []]);
  });

  it("changes nothing that is linked: the same bytes are taken, others are refused", async () => {
    const recipe = await newRecipe();
    const linked = await service.put(`/v3/recipes/${recipe}/archive`, whole);
    const same = await open({ target: { recipe } });
    await sendAll(same);
    expect((await complete(same)).json).toEqual(linked.json);
    const other = await open({ target: { recipe } });
    await send(other, 1, bytesOf(10, 9));
    const refused = await complete(other);
    expect(refused.status).toBe(409);
    expect((await service.put(`/v3/recipes/${recipe}/archive`, bytesOf(10, 9))).json.detail).toBe(
      refused.json.detail,
    );
    expect((await complete(other)).status).toBe(409);
    expect(await keys("ims")).toEqual([`recipes/${recipe}/recipe.tar.gz`]);
    expect(await pending("ims")).toEqual([]);
  });

  it("is for records that exist, also at its end", async () => {
    const refused = await service.post("/v3/uploads", ofImage("none"));
    expect(refused).toMatchObject({
      status: 422,
      json: { errors: { target: { image: expect.anything() } } },
    });
    const image = await newImage();
    const id = await open(ofImage(image));
    await sendAll(id);
    await service.remove(`/v3/images/${image}`);
    expect((await complete(id)).status).toBe(404);
    expect([await keys(), await pending()]).toEqual([[], []]);
  });

  it("is no larger than its target may be", async () => {
    const large = { target: { recipe: await newRecipe() }, size: 2 * 1024 ** 3 };
    expect((await service.post("/v3/uploads", large)).status).toBe(413);
    const tooMany = { ...ofImage(await newImage()), size: 1024 ** 4, part_size: PART };
    expect((await service.post("/v3/uploads", tooMany)).status).toBe(422);
  });

  it("is aborted with all that has come, and takes nothing afterwards", async () => {
    const id = await open(ofImage(await newImage()));
    const url = await urlOf(id, 1);
    await service.put(url, whole.slice(0, PART));
    expect((await service.remove(`/v3/uploads/${id}`)).status).toBe(204);
    expect((await service.remove(`/v3/uploads/${id}`)).status).toBe(204);
    expect((await service.put(url, whole.slice(0, PART))).status).toBe(409);
    expect((await service.post(`/v3/uploads/${id}/parts`, { part_numbers: [1] })).status).toBe(409);
    expect((await complete(id)).status).toBe(409);
    expect((await service.get(`/v3/uploads/${id}/parts`)).json).toEqual([]);
    expect([await keys(), await pending()]).toEqual([[], []]);
  });

  it("cannot be aborted when it is complete", async () => {
    const id = await open(ofImage(await newImage()));
    await sendAll(id);
    await complete(id);
    expect((await service.remove(`/v3/uploads/${id}`)).status).toBe(409);
  });

  it("gives URLs that expire, and are good for one part", async () => {
    const id = await open(ofImage(await newImage()));
    const [signed] = (await service.post(`/v3/uploads/${id}/parts`, { part_numbers: [1] })).json;
    const url = signed.url.replace("http://localhost", "");
    const other = url.replace(/\/1\?/u, "/2?");
    expect((await service.put(other, bytesOf(10))).status).toBe(403);
    expect((await service.put(url.replace(/expires=\d+/u, "expires=9999999999"), bytesOf(10))).status).toBe(
      403,
    );
    service.time.now = Date.parse(signed.expires_at);
    expect((await service.put(url, bytesOf(10))).status).toBe(403);
    expect((await service.get(`/v3/uploads/${id}/parts`)).json).toEqual([]);
  });

  it("gives no URL that outlives it", async () => {
    const id = await open(ofImage(await newImage()));
    const { expires_at } = (await service.get(`/v3/uploads/${id}`)).json;
    service.time.now = Date.parse(expires_at) - 60_000;
    const [signed] = (await service.post(`/v3/uploads/${id}/parts`, { part_numbers: [1] })).json;
    expect(signed.expires_at).toBe(expires_at);
    service.time.now += 60_000;
    expect((await service.post(`/v3/uploads/${id}/parts`, { part_numbers: [1] })).status).toBe(409);
    expect((await complete(id)).status).toBe(409);
  });
});

describe("uploads in parts that nobody completes", () => {
  it("expire, are emptied and forgotten in the end", async () => {
    const id = await open(ofImage(await newImage()));
    await send(id, 1, whole.slice(0, PART));
    service.time.now += 71 * HOUR;
    await service.ims.recover();
    expect(await pending()).toEqual([id]);
    service.time.now += HOUR;
    await service.ims.recover();
    expect(await pending()).toEqual([]);
    expect((await service.get(`/v3/uploads/${id}`)).json).toMatchObject({ state: "expired" });
    service.time.now += 24 * HOUR;
    await service.ims.recover();
    expect((await service.get(`/v3/uploads/${id}`)).status).toBe(404);
  });

  it("leave nothing in the store when their opening was cut off", async () => {
    const draft = {
      id: "cut-off",
      address: { bucket: "boot-images", key: "uploads/parted/cut-off" },
      partBytes: PART,
    };
    await service.ports.uploads.open(draft, { contentType: "application/gzip" });
    await service.ims.recover();
    expect(await pending()).toEqual(["cut-off"]);
    service.time.now += 2 * HOUR;
    await service.ims.recover();
    expect(await pending()).toEqual([]);
  });

  it("may have been put together already", async () => {
    const id = await open(ofImage(await newImage()));
    await sendAll(id);
    const stored = await service.ports.records.get("upload-session", id);
    const upload = {
      id,
      address: { bucket: "boot-images", key: `uploads/parted/${id}` },
      handle: id,
      partBytes: PART,
    };
    await service.ports.uploads.assemble(upload, await service.ports.uploads.parts(upload));
    expect(stored?.value.state).toBe("open");
    expect(await keys()).toEqual([`uploads/parted/${id}`]);
    service.time.now += 48 * HOUR;
    await service.ims.recover();
    expect(await keys()).toEqual([`uploads/parted/${id}`]);
    service.time.now += 24 * HOUR;
    await service.ims.recover();
    expect([await keys(), await pending()]).toEqual([[], []]);
  });
});
