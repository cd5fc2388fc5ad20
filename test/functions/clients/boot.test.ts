import { beforeEach, describe, expect, it } from "vitest";
import { linkedImage, readObject } from "../../support/client-facts.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import type { Json } from "../../support/json.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const TYPES = ["rootfs.squashfs", "kernel", "initrd", "parameters.boot", "debug.kernel"].map(
  (name) => `application/vnd.cray.image.${name}`,
);
const project = { operation: "set", key: "sbps-project", value: "true" };

describe("BOS", () => {
  it("reads an image's architecture by the id in its object's key, and tags it before power-on", async () => {
    const image = await linkedImage(service, { arch: "aarch64" });
    const [, , , id] = image.link.path.split("/");
    expect((await service.get(`/v3/images/${id}`)).json).toMatchObject({ id: image.id, arch: "aarch64" });
    expect((await service.get("/v3/images/unknown")).status).toBe(404);
    const tagged = await service.patch(`/v3/images/${id}`, { metadata: project });
    expect(tagged).toMatchObject({ status: 200, json: { metadata: { "sbps-project": "true" } } });
    const untagged = await service.patch(`/v3/images/${id}`, {
      metadata: { operation: "remove", key: "sbps-project" },
    });
    expect(untagged.json.metadata).toEqual({});
  });

  it("finds one object of each type in a manifest, each with its digest and link", async () => {
    const image = await linkedImage(service);
    const { version, artifacts } = await readObject(service, image.link.path);
    expect(version).toBe("1.0");
    for (const type of TYPES)
      expect(artifacts.filter((entry: Json) => entry.type === type).length).toBeLessThanOrEqual(1);
    for (const { type, md5, link } of artifacts) {
      expect(TYPES).toContain(type);
      expect(md5).toMatch(/^[0-9a-f]{32}$/u);
      const [, bucket = "", key = ""] = /^s3:\/\/([^/]+)\/(.+)$/u.exec(link.path) ?? [];
      expect((await service.ports.artifacts.stat({ bucket, key }))?.etag).toBe(link.etag);
    }
  });

  it("tells by the key of its kernel that an image is in the trash", async () => {
    const image = await linkedImage(service);
    await service.remove(`/v3/images/${image.id}`);
    const kernels = await Array.fromAsync(
      service.ports.artifacts.list("boot-images", `deleted/${image.id}/`),
    );
    expect(kernels.map(({ key }) => key)).toContain(`deleted/${image.id}/kernel`);
  });
});

describe("the SBPS marshal", () => {
  it("projects images that are tagged and whose ETags are the store's, also after the trash", async () => {
    const tagged = await linkedImage(service, { metadata: { key: "sbps-project", value: "true" } });
    await linkedImage(service);
    await service.post("/v3/images", { name: "bare" });
    await service.remove(`/v3/images/${tagged.id}`);
    await service.patch(`/v3/deleted/images/${tagged.id}`, { operation: "undelete" });
    const images = (await service.get("/apis/ims/v3/images")).json;
    expect(images).toHaveLength(3);
    for (const { metadata } of images) expect(metadata).toEqual(expect.any(Object));
    const projected = images.filter(({ metadata }: Json) => metadata["sbps-project"] === "true");
    expect(projected).toMatchObject([
      { id: tagged.id, link: { path: `s3://boot-images/${tagged.id}/manifest.json` } },
    ]);
    const { artifacts } = await readObject(service, projected[0].link.path);
    const rootfs = artifacts.find(({ type }: Json) => type === TYPES[0]);
    const stored = await service.ports.artifacts.stat({ bucket: "boot-images", key: `${tagged.id}/rootfs` });
    expect(stored?.etag).toBe(rootfs.link.etag);
  });
});
