import type { TestService } from "./ims.ts";
import type { Json } from "./json.ts";
import { storeImage } from "./images.ts";

export const PUBLIC_KEY = "ssh-rsa AAAAB3NzaC1yc2E someone@somewhere\n";
export const KIWI_RECIPE = { name: "cos", recipe_type: "kiwi-ng", linux_distribution: "sles15" };

/** A recipe with its archive where clients put it by themselves: uploaded to the store, then linked. */
export async function linkedRecipe(service: TestService, prefix = "/v3"): Promise<Json> {
  const { id } = (await service.post(`${prefix}/recipes`, KIWI_RECIPE)).json;
  const { etag } = await service.ports.artifacts.write(
    { bucket: "ims", key: `recipes/${id}/recipe.tar.gz` },
    (async function* () {
      yield new TextEncoder().encode("archive");
    })(),
    { metadata: { md5sum: "0cc175b9c0f1b6a831c399e269772661" } },
  );
  const link = { type: "s3", path: `s3://ims/recipes/${id}/recipe.tar.gz`, etag };
  return (await service.patch(`${prefix}/recipes/${id}`, { link })).json;
}

/** An image whose objects lie under its id, as every client of boot images expects. */
export async function linkedImage(service: TestService, more: object = {}, prefix = "/v3"): Promise<Json> {
  const { id } = (await service.post(`${prefix}/images`, { name: "image", ...more })).json;
  const link = await storeImage(service.ports.artifacts, id);
  return (await service.patch(`${prefix}/images/${id}`, { link })).json;
}

/** What a client reads from the store itself. */
export async function readObject(service: TestService, path: string): Promise<Json> {
  const [, bucket = "", key = ""] = /^s3:\/\/([^/]+)\/(.+)$/u.exec(path) ?? [];
  const content = await service.ports.artifacts.read({ bucket, key });
  return JSON.parse(Buffer.concat(await Array.fromAsync(content?.body ?? [])).toString());
}
