import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { createTestService, type TestService } from "../../support/ims.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const hex = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");
const keys = async () =>
  (await Array.fromAsync(service.ports.artifacts.list("boot-images", ""))).map((info) => info.key);
const create = async () => (await service.post("/v3/images", { name: "imported" })).json.id;
const put = async (id: string, name: string, text: string, headers: Record<string, string> = {}) =>
  await service.put(`/v3/images/${id}/artifacts/${name}`, text, headers);

async function imported() {
  const id = await create();
  for (const name of ["rootfs", "kernel", "initrd"]) await put(id, name, `${name} bytes`);
  return (await service.post(`/v3/images/${id}/manifest`)).json;
}

describe("an image that was built elsewhere", () => {
  it("is imported by uploads and a manifest over them", async () => {
    const id = await create();
    expect(await put(id, "rootfs", "rootfs bytes")).toEqual({
      status: 200,
      json: {
        type: "application/vnd.cray.image.rootfs.squashfs",
        size: 12,
        md5: hex("md5", "rootfs bytes"),
        sha256: hex("sha256", "rootfs bytes"),
        link: { type: "s3", path: `s3://boot-images/${id}/rootfs`, etag: hex("md5", "rootfs bytes") },
      },
    });
    await put(id, "kernel", "kernel bytes");
    expect((await service.get(`/v3/images/${id}/artifacts`)).json).toMatchObject([
      { name: "rootfs" },
      { name: "kernel" },
    ]);
    const { status, json } = await service.post(`/v3/images/${id}/manifest`);
    expect(status).toBe(200);
    expect(json.link.path).toBe(`s3://boot-images/${id}/manifest.json`);
    const manifest = JSON.parse((await service.get(`/v3/images/${id}/artifacts/manifest`)).text);
    expect(manifest).toMatchObject({
      version: "1.0",
      artifacts: [
        { type: "application/vnd.cray.image.rootfs.squashfs", md5: hex("md5", "rootfs bytes") },
        { type: "application/vnd.cray.image.kernel", md5: hex("md5", "kernel bytes") },
      ],
    });
    expect((await service.post(`/v3/images/${id}/manifest`)).json).toEqual(json);
    expect(await keys()).toEqual([`${id}/kernel`, `${id}/manifest.json`, `${id}/rootfs`]);
  });

  it("needs a rootfs before its manifest", async () => {
    const id = await create();
    await put(id, "kernel", "x");
    expect(await service.post(`/v3/images/${id}/manifest`)).toMatchObject({ status: 422 });
    expect((await service.get(`/v3/images/${id}`)).json.link).toBeNull();
  });

  it("may have an artifact replaced until it is linked, and none afterwards", async () => {
    const id = await create();
    await put(id, "rootfs", "first");
    await put(id, "rootfs", "second");
    await service.post(`/v3/images/${id}/manifest`);
    expect((await put(id, "rootfs", "second")).status).toBe(200);
    expect((await put(id, "rootfs", "third")).status).toBe(409);
    expect((await put(id, "kernel", "new")).status).toBe(409);
    expect((await service.get(`/v3/images/${id}/artifacts/rootfs`)).text).toBe("second");
    expect(await keys()).toEqual([`${id}/manifest.json`, `${id}/rootfs`]);
  });

  it("is never linked to bytes that an upload at the same time replaces", async () => {
    for (let round = 0; round < 20; round += 1) {
      const id = await create();
      await put(id, "rootfs", "first");
      await Promise.all([put(id, "rootfs", "second"), service.post(`/v3/images/${id}/manifest`)]);
      const [rootfs] = (await service.get(`/v3/images/${id}/artifacts`)).json;
      const manifest = JSON.parse((await service.get(`/v3/images/${id}/artifacts/manifest`)).text);
      expect(manifest.artifacts[0].md5).toBe(
        rootfs.sha256 === hex("sha256", "first") ? hex("md5", "first") : hex("md5", "second"),
      );
    }
  });

  it("shows nothing of an upload that is not what was announced", async () => {
    const id = await create();
    const wrong = await put(id, "rootfs", "bytes", {
      "repr-digest": `sha-256=:${createHash("sha256").update("other").digest("base64")}:`,
    });
    expect(wrong.status).toBe(422);
    expect(await keys()).toEqual([]);
  });

  it("has no artifacts of other names", async () => {
    expect((await put(await create(), "passwd", "x")).status).toBe(404);
    expect((await put("unknown", "rootfs", "x")).status).toBe(404);
  });

  it("goes to the trash and comes back, linked or not", async () => {
    const linked = await imported();
    const open = await create();
    await put(open, "rootfs", "half an image");
    for (const id of [linked.id, open]) await service.remove(`/v3/images/${id}`);
    expect((await keys()).every((key) => key.startsWith("deleted/"))).toBe(true);
    await service.patch("/v3/deleted/images", { operation: "undelete" });
    expect((await service.get(`/v3/images/${linked.id}`)).json).toEqual(linked);
    expect((await service.get(`/v3/images/${open}/artifacts/rootfs`)).text).toBe("half an image");
    expect((await keys()).some((key) => key.startsWith("deleted/"))).toBe(false);
  });

  it("leaves nothing behind when it goes for good before it was linked", async () => {
    const [first, second] = [await create(), await create()];
    for (const id of [first, second]) await put(id, "rootfs", "x");
    await service.remove(`/images/${first}`);
    await service.remove(`/v3/images/${second}`);
    await service.remove(`/v3/deleted/images/${second}`);
    expect(await keys()).toEqual([]);
  });
});
