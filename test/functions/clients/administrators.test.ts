import { beforeEach, describe, expect, it } from "vitest";
import committed from "../../../infra/openapi.json" with { type: "json" };
import { KIWI_RECIPE, linkedImage, linkedRecipe, PUBLIC_KEY } from "../../support/client-facts.ts";
import { storeImage } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import type { Json } from "../../support/json.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

const undelete = { operation: "undelete" };

describe("the cray CLI", () => {
  it("has list, create, describe, update and delete for each group it is generated with (behaviour 204)", () => {
    const paths: Record<string, object> = committed.paths;
    const methods = (path: string) => Object.keys(paths[path] ?? {}).toSorted((a, b) => (a < b ? -1 : 1));
    for (const group of ["images", "recipes", "jobs"]) {
      expect(methods(`/v3/${group}`)).toEqual(["delete", "get", "post"]);
      expect(methods(`/v3/${group}/{${group.slice(0, -1)}_id}`)).toEqual(["delete", "get", "patch"]);
    }
    expect(methods("/v3/public-keys/{public_key_id}")).toEqual(["delete", "get"]);
    expect(methods("/v3/deleted/images")).toEqual(["delete", "get", "patch"]);
    expect(methods("/v3/remote-build-nodes/{remote_build_node_xname}")).toEqual(["delete", "get"]);
  });

  it("creates an image, links it by three options, deletes it and takes it back", async () => {
    const { id } = (await service.post("/v3/images", { name: "mine", arch: "x86_64" })).json;
    const link = await storeImage(service.ports.artifacts, id);
    expect((await service.patch(`/v3/images/${id}`, { link })).status).toBe(200);
    expect((await service.remove(`/v3/images/${id}`)).status).toBe(204);
    expect((await service.get("/v3/deleted/images")).json).toMatchObject([{ id, name: "mine" }]);
    expect((await service.patch(`/v3/deleted/images/${id}`, undelete)).status).toBe(204);
    expect((await service.get(`/v3/images/${id}`)).json.link).toEqual(link);
  });

  it("sends a public key as the file it is", async () => {
    const answer = await service.post("/v3/public-keys", { name: "me", public_key: PUBLIC_KEY });
    expect(answer.json.public_key).toBe(PUBLIC_KEY);
  });
});

describe("the vendor's acceptance test (cmsdev)", () => {
  it.each(["", "/v2", "/v3"])("creates, changes and deletes all kinds at %j", async (prefix) => {
    const metadata = { key: "name", value: "value" };
    for (const [kind, body, stored] of [
      ["public-keys", { name: "k", public_key: PUBLIC_KEY }, {}],
      ["recipes", KIWI_RECIPE, { link: null }],
      ["images", { name: "i", metadata }, { metadata: { name: "value" } }],
    ] as const) {
      const made = await service.post(`${prefix}/${kind}`, body);
      expect(made).toMatchObject({ status: 201, json: stored });
      const path = `${prefix}/${kind}/${made.json.id}`;
      expect((await service.get(path)).json).toEqual(made.json);
      expect((await service.get(`${prefix}/${kind}`)).json).toContainEqual(made.json);
      const end = prefix === "/v3" ? "" : "?cascade=true";
      expect((await service.remove(path + end)).status).toBe(204);
      expect((await service.get(path)).status).toBe(404);
    }
  });

  it("sees a deleted record as it was, takes it back, and deletes it twice", async () => {
    const image = await linkedImage(service, { arch: "aarch64", metadata: { key: "a", value: "b" } });
    await service.remove(`/v3/images/${image.id}`);
    const { id, name, arch, metadata } = image;
    expect((await service.get(`/v3/deleted/images/${image.id}`)).json).toMatchObject({
      id,
      name,
      arch,
      metadata,
    });
    expect((await service.patch(`/v3/deleted/images/${image.id}`, undelete)).status).toBe(204);
    const patched = await service.patch(`/v3/images/${image.id}`, { arch: "x86_64" });
    expect(patched).toMatchObject({ status: 200, json: { ...image, arch: "x86_64" } });
    expect((await service.remove(`/v3/images/${image.id}`)).status).toBe(204);
    expect((await service.remove(`/v3/deleted/images/${image.id}`)).status).toBe(204);
  });

  it("asks for version and health", async () => {
    expect((await service.get("/version")).json).toEqual({ version: expect.any(String) });
    for (const path of ["/healthz/live", "/healthz/ready"])
      expect((await service.get(path)).status).toBe(200);
  });
});

describe("manta", () => {
  it("customizes an image in a jail with a kernel name of its own, sizes fitting in a byte", async () => {
    const image = await linkedImage(service);
    const key = (await service.post("/v3/public-keys", { name: "manta", public_key: PUBLIC_KEY })).json;
    const found = (await service.get("/v3/public-keys")).json.find(({ name }: Json) => name === "manta");
    expect(found.id).toBe(key.id);
    const { status, json } = await service.post("/v3/jobs", {
      job_type: "customize",
      image_root_archive_name: "manta",
      kernel_file_name: "kernel",
      artifact_id: image.id,
      public_key_id: key.id,
      ssh_containers: [{ name: "jail", jail: true }],
    });
    expect(status).toBe(201);
    expect(json).toMatchObject({
      kernel_file_name: "kernel",
      ssh_containers: [{ name: "jail", jail: true }],
    });
    expect(json.build_env_size).toBeLessThanOrEqual(255);
  });

  it("notes sessions in metadata from several callers at once, none of which is lost", async () => {
    const { id } = (await service.post("/v3/images", { name: "i" })).json;
    const names = Array.from({ length: 16 }, (_, n) => `manta.image_session.${n}`);
    const answers = await Promise.all(
      names.map((key) =>
        service.patch(`/v3/images/${id}`, { metadata: { operation: "set", key, value: "x" } }),
      ),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(Object.keys((await service.get(`/v3/images/${id}`)).json.metadata).toSorted()).toEqual(
      names.toSorted(),
    );
  });

  it("reads recipes of the second generation", async () => {
    const recipe = await linkedRecipe(service, "/v2");
    expect((await service.get("/v2/recipes")).json).toEqual([recipe]);
  });
});

describe("export and import scripts", () => {
  it("list all there is and delete it for good, with or without the objects", async () => {
    const image = await linkedImage(service);
    const recipe = await linkedRecipe(service);
    for (const kind of [
      "images",
      "recipes",
      "public-keys",
      "jobs",
      "deleted/images",
      "deleted/recipes",
      "deleted/public-keys",
    ])
      expect((await service.get(`/v3/${kind}`)).status).toBe(200);
    expect((await service.remove(`/v2/images/${image.id}?cascade=False`)).status).toBe(204);
    expect((await service.remove(`/v2/recipes/${recipe.id}?cascade=True`)).status).toBe(204);
    expect(await Array.fromAsync(service.ports.artifacts.list("boot-images", ""))).toHaveLength(5);
    expect(await Array.fromAsync(service.ports.artifacts.list("ims", ""))).toEqual([]);
  });
});
