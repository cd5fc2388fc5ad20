import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import type { createApiClient } from "../../adapters/api/client.ts";
import { packRecipe } from "../../functions/cli/demo/recipe-archive.ts";

const RECIPE =
  '<image schemaversion="7.4" name="bench"><preferences><packagemanager>apt</packagemanager><type image="tbz"/></preferences></image>';

/** Registers a key and a recipe that only a stand-in for kiwi can build; each call posts a job for it, and answers its id. */
export async function jobPoster(
  api: ReturnType<typeof createApiClient>,
  folder: string,
): Promise<() => Promise<string>> {
  const source = path.join(folder, "recipe");
  mkdirSync(source, { recursive: true });
  writeFileSync(path.join(source, "config.xml"), RECIPE);
  const key = await api.createPublicKey({ name: "bench", public_key: "ssh-ed25519 A" });
  const recipe = await api.createRecipe({
    name: "bench",
    recipe_type: "kiwi-ng",
    linux_distribution: "sles15",
    template_dictionary: [],
    require_dkms: false,
    arch: process.arch === "arm64" ? "aarch64" : "x86_64",
  });
  await api.putRecipeArchive(recipe.id, await packRecipe(source));
  return async () => {
    const { id } = await api.createJob({
      job_type: "create",
      artifact_id: recipe.id,
      public_key_id: key.id,
      image_root_archive_name: "bench",
    });
    return id;
  };
}
