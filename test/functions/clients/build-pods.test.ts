import { beforeEach, describe, expect, it } from "vitest";
import { KIWI_RECIPE, linkedImage, linkedRecipe, PUBLIC_KEY } from "../../support/client-facts.ts";
import { storeImage } from "../../support/images.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import type { Json } from "../../support/json.ts";

let service: TestService;
beforeEach(() => {
  service = createTestService();
});

describe("a build pod of the original", () => {
  it("reports each phase, registers its image and names it in the job, all at the root (behaviour 204)", async () => {
    const recipe = await linkedRecipe(service, "");
    const key = (await service.post("/public-keys", { name: "k", public_key: PUBLIC_KEY })).json;
    const { id } = (
      await service.post("/jobs", {
        job_type: "create",
        artifact_id: recipe.id,
        public_key_id: key.id,
        image_root_archive_name: "built",
      })
    ).json;
    const phases = ["fetching_recipe", "waiting_for_repos", "building_image", "packaging_artifacts"];
    for (const status of phases)
      expect(await service.patch(`/jobs/${id}`, { status })).toMatchObject({ status: 200, json: { status } });
    const image = (await service.post("/images", { name: "built", arch: "x86_64" })).json;
    const link = await storeImage(service.ports.artifacts, image.id);
    expect((await service.patch(`/images/${image.id}`, { link })).status).toBe(200);
    expect((await service.patch(`/images/${image.id}`, { link })).status).toBe(200);
    expect((await service.patch(`/images/${image.id}`, { link: { ...link, etag: "other" } })).status).toBe(
      409,
    );
    await service.patch(`/jobs/${id}`, { resultant_image_id: image.id });
    await service.patch(`/jobs/${id}`, { status: "success" });
    expect((await service.get(`/jobs/${id}`)).json).toMatchObject({
      status: "success",
      resultant_image_id: image.id,
    });
  });

  it("removes the image that it could not finish", async () => {
    const image = (await service.post("/images", { name: "half" })).json;
    expect((await service.remove(`/images/${image.id}`)).status).toBe(204);
    expect((await service.get("/images")).json).toEqual([]);
  });
});

describe("ims-python-helper", () => {
  it("finds link in each record, and template variables that it can walk through (behaviour 205)", async () => {
    await service.post("/recipes", { ...KIWI_RECIPE, template_dictionary: null });
    await service.post("/recipes", KIWI_RECIPE);
    await service.post("/images", { name: "i" });
    for (const path of ["/recipes", "/images"])
      for (const record of (await service.get(path)).json) expect(record).toHaveProperty("link", null);
    for (const { template_dictionary } of (await service.get("/recipes")).json)
      expect(template_dictionary).toEqual([]);
  });
});

describe("ims-load-artifacts", () => {
  it("waits for the service, and loads recipes and images once, however often it runs (behaviour 204)", async () => {
    for (let run = 0; run < 2; run += 1) {
      expect((await service.get("/apis/ims/healthz/ready")).status).toBe(200);
      const recipes = (await service.get("/apis/ims/v2/recipes")).json;
      const images = (await service.get("/apis/ims/v2/images")).json;
      if (!recipes.some(({ name, link }: Json) => name === "cos" && link !== null))
        await linkedRecipe(service, "/apis/ims/v2");
      if (!images.some(({ name, link }: Json) => name === "image" && link !== null))
        await linkedImage(service, {}, "/apis/ims/v2");
    }
    const [recipe, ...moreRecipes] = (await service.get("/v2/recipes")).json;
    const [image, ...moreImages] = (await service.get("/v2/images")).json;
    expect([moreRecipes, moreImages]).toEqual([[], []]);
    const [, , bucket = "", ...key] = recipe.link.path.split("/");
    const stored = await service.ports.artifacts.stat({ bucket, key: key.join("/") });
    expect(stored?.metadata).toEqual({ md5sum: "0cc175b9c0f1b6a831c399e269772661" });
    expect(image.link.path).toBe(`s3://boot-images/${image.id}/manifest.json`);
  });

  it("may say that a recipe needs no kernel modules, and is believed", async () => {
    const answer = await service.post("/v2/recipes", {
      ...KIWI_RECIPE,
      arch: "aarch64",
      require_dkms: false,
    });
    expect(answer.json).toMatchObject({ arch: "aarch64", require_dkms: false });
  });
});
