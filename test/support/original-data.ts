import { writeFile } from "node:fs/promises";
import path from "node:path";
import * as fc from "fast-check";
import { scratchFolder } from "./archives.ts";
import type { Json } from "./json.ts";

/** What the original service would have in its data folder, by file. */
export type OriginalData = Readonly<Record<string, readonly Json[]>>;

export const FILES = {
  keys: "v2_public_keys.json",
  deletedKeys: "v3_deleted_public_keys.json",
  recipes: "v2.2_recipes.json",
  deletedRecipes: "v3.2_deleted_recipes.json",
  images: "v2.1_images.json",
  deletedImages: "v3.1_deleted_images.json",
  jobs: "v2.4_jobs.json",
  nodes: "v2.0_remote_build_nodes.json",
} as const;

/** Members that the original's schemas demand, by file. */
export const DEMANDED: Readonly<Record<string, readonly string[]>> = {
  [FILES.keys]: ["id", "name", "public_key"],
  [FILES.deletedKeys]: ["id", "name", "public_key"],
  [FILES.recipes]: ["id", "name", "recipe_type", "linux_distribution"],
  [FILES.deletedRecipes]: ["id", "name", "recipe_type", "linux_distribution"],
  [FILES.images]: ["id", "name"],
  [FILES.deletedImages]: ["id", "name"],
  [FILES.jobs]: ["id", "job_type", "artifact_id", "public_key_id", "image_root_archive_name", "status"],
  [FILES.nodes]: ["xname"],
};

const name = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" });
const time = fc
  .date({ min: new Date("2019-01-01"), max: new Date("2030-01-01"), noInvalidDate: true })
  .chain((date) =>
    fc.integer({ min: 0, max: 999 }).map((micro) => ({
      // As Python writes a time of a server without a zone.
      text: `${date.toISOString().slice(0, -1)}${String(micro).padStart(3, "0")}`,
    })),
  )
  .map(({ text }) => text);
const arch = fc.option(fc.constantFrom("x86_64", "aarch64"), { nil: undefined });
const link = (bucket: string) =>
  fc.option(
    fc
      .record({ id: fc.uuid(), more: name, etag: fc.option(fc.string({ maxLength: 8 }), { nil: undefined }) })
      .map(({ id, more, etag }) => ({ path: `s3://${bucket}/${id}/${more}`, etag, type: "s3" })),
  );
const deleted = { deleted: time };
const key = { id: fc.uuid(), created: time, name, public_key: name };
const image = {
  id: fc.uuid(),
  created: time,
  name,
  link: link("boot-images"),
  arch,
  metadata: fc.option(fc.dictionary(fc.stringMatching(/^[a-z.]{1,8}$/u), fc.string({ maxLength: 8 })), {
    nil: undefined,
  }),
};
const recipe = {
  id: fc.uuid(),
  created: time,
  name,
  link: link("ims"),
  recipe_type: fc.constantFrom("kiwi-ng", "packer"),
  linux_distribution: fc.constantFrom("sles12", "sles15", "centos7"),
  template_dictionary: fc.option(fc.array(fc.record({ key: name, value: name }), { maxLength: 2 })),
  require_dkms: fc.option(fc.boolean(), { nil: undefined }),
  arch,
};
const job = {
  id: fc.uuid(),
  created: time,
  job_type: fc.constantFrom("create", "customize"),
  artifact_id: fc.uuid(),
  public_key_id: fc.uuid(),
  image_root_archive_name: name,
  kernel_file_name: fc.constantFrom(undefined, null, "vmlinuz"),
  status: fc.constantFrom("creating", "waiting_on_user", "building_image", "error", "success"),
  kubernetes_job: fc.option(name),
  ssh_containers: fc.option(fc.array(fc.record({ name, jail: fc.boolean() }), { maxLength: 1 })),
  resultant_image_id: fc.option(fc.uuid()),
  build_env_size: fc.constantFrom(undefined, 10, 60),
  arch,
};

const list = (members: Record<string, fc.Arbitrary<unknown>>) =>
  fc.array(fc.record(members), { maxLength: 4 });

/** Any installation of the original. Ids and paths are random, so that none occurs twice. */
export const originalData: fc.Arbitrary<OriginalData> = fc.record({
  [FILES.keys]: list(key),
  [FILES.deletedKeys]: list({ ...key, ...deleted }),
  [FILES.recipes]: list(recipe),
  [FILES.deletedRecipes]: list({ ...recipe, ...deleted }),
  [FILES.images]: list(image),
  [FILES.deletedImages]: list({ ...image, ...deleted }),
  [FILES.jobs]: list(job),
  [FILES.nodes]: fc.uniqueArray(fc.record({ xname: name }), { maxLength: 3, selector: ({ xname }) => xname }),
});

/** A folder with these files. */
export async function dataFolder(data: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = await scratchFolder();
  for (const [file, content] of Object.entries(data))
    await writeFile(path.join(folder, file), typeof content === "string" ? content : JSON.stringify(content));
  return folder;
}
