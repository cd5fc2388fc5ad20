import * as v from "valibot";
import { Arch } from "../arch.ts";
import { JobType } from "../jobs/status.ts";
import { RECIPE_TYPES } from "../recipes/recipe.ts";

/** The program that made the image's root. */
export const Builder = v.object({
  name: v.pipe(v.string(), v.maxLength(100)),
  version: v.pipe(v.string(), v.maxLength(100)),
});
export type Builder = v.InferOutput<typeof Builder>;

/** The agent that did the work, and the container image that it ran in, if any, with its digest where that is known. */
export const AgentOrigin = v.object({
  version: v.pipe(v.string(), v.maxLength(100)),
  image: v.optional(v.pipe(v.string(), v.maxLength(500))),
});
export type AgentOrigin = v.InferOutput<typeof AgentOrigin>;

/** Digests are lower-case hex, of what the store had when the job was posted; absent where it had none. */
const RecipeOrigin = v.object({
  id: v.string(),
  recipe_type: v.optional(v.picklist(RECIPE_TYPES)),
  md5: v.optional(v.string()),
  sha256: v.optional(v.string()),
});
const BaseImage = v.object({
  id: v.string(),
  manifest_etag: v.optional(v.string()),
  rootfs_md5: v.optional(v.string()),
});

/** Which job made an image, of what and with what. An image that no job of this service made has none. */
export const Provenance = v.object({
  job_id: v.string(),
  job_type: JobType,
  /** Of create jobs. */
  recipe: v.optional(RecipeOrigin),
  /** Of customize jobs. */
  base_image: v.optional(BaseImage),
  /** The template dictionary, without secrets. */
  template_values: v.optional(v.record(v.string(), v.string())),
  /** How many entries of it are left out because there were too many. */
  template_values_omitted: v.optional(v.number()),
  arch: Arch,
  require_dkms: v.boolean(),
  kernel_file_name: v.string(),
  builder: v.optional(Builder),
  agent: v.optional(AgentOrigin),
  service_version: v.string(),
  /** When work on it began and when the image was complete, UTC. */
  started: v.string(),
  finished: v.string(),
});
export type Provenance = v.InferOutput<typeof Provenance>;
