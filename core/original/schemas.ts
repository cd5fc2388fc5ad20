import * as v from "valibot";
import { ARCHS } from "../arch.ts";
import { isoTime } from "../collection.ts";
import { JOB_STATUSES, JOB_TYPES } from "../jobs/status.ts";
import { LINUX_DISTRIBUTIONS, RECIPE_TYPES, TemplateEntry } from "../recipes/recipe.ts";

/** What the original service keeps in its files. Whatever it fills in when it loads them may be absent. */
const Id = v.pipe(v.string(), v.uuid("is not a UUID"));
const Name = v.pipe(v.string(), v.nonEmpty("is blank"));
/** Of a server without a time zone, when none is given. */
const Time = v.pipe(
  v.string(),
  v.regex(
    /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?$/u,
    "is not a time such as 2026-11-23T13:38:31.010414",
  ),
  v.check((text) => !Number.isNaN(milliseconds(text)), "is no time that there is"),
);
const Count = v.union([
  v.pipe(v.number(), v.integer("is not a whole number"), v.minValue(1, "is less than 1")),
  v.pipe(v.string(), v.regex(/^[1-9]\d{0,8}$/u, "is not a whole number"), v.transform(Number)),
]);
const Arch = v.nullish(v.picklist(ARCHS));
const Word = v.nullish(v.string());
const Link = v.object({
  path: v.pipe(v.string(), v.regex(/^s3:\/\/[^/]+\/.+$/su, "is not of the form s3://bucket/key")),
  etag: v.nullish(v.string()),
  type: v.literal("s3"),
});
export type OriginalLink = v.InferOutput<typeof Link>;

const PublicKey = v.object({ id: Id, created: Time, name: Name, public_key: Name });
const Image = v.object({
  id: Id,
  created: Time,
  name: Name,
  link: v.nullish(Link),
  arch: Arch,
  metadata: v.nullish(v.record(v.string(), v.string())),
});
const Recipe = v.object({
  id: Id,
  created: Time,
  name: Name,
  link: v.nullish(Link),
  recipe_type: v.picklist(RECIPE_TYPES),
  linux_distribution: v.picklist(LINUX_DISTRIBUTIONS),
  template_dictionary: v.nullish(v.array(TemplateEntry)),
  require_dkms: v.optional(v.boolean()),
  arch: Arch,
});
const Shell = v.object({
  name: v.optional(v.string()),
  jail: v.optional(v.boolean()),
  status: v.optional(v.string()),
  connection_info: v.optional(v.record(v.string(), v.object({ host: v.string(), port: v.number() }))),
});
const Job = v.object({
  id: Id,
  created: Time,
  job_type: v.picklist(JOB_TYPES),
  artifact_id: Id,
  public_key_id: Id,
  image_root_archive_name: Name,
  kernel_file_name: Word,
  initrd_file_name: Word,
  kernel_parameters_file_name: Word,
  status: v.picklist(JOB_STATUSES),
  kubernetes_job: Word,
  kubernetes_service: Word,
  kubernetes_configmap: Word,
  kubernetes_pvc: Word,
  kubernetes_secret: Word,
  kubernetes_namespace: Word,
  remote_build_node: Word,
  ssh_containers: v.nullish(v.array(Shell)),
  enable_debug: v.optional(v.boolean()),
  resultant_image_id: v.nullish(Id),
  build_env_size: v.nullish(Count),
  job_mem_size: v.nullish(Count),
  arch: Arch,
  require_dkms: v.optional(v.boolean()),
});
const RemoteBuildNode = v.object({ xname: Name });

export const ORIGINAL_SCHEMAS = {
  public_keys: PublicKey,
  deleted_public_keys: v.object({ ...PublicKey.entries, deleted: Time }),
  recipes: Recipe,
  deleted_recipes: v.object({ ...Recipe.entries, deleted: Time }),
  images: Image,
  deleted_images: v.object({ ...Image.entries, deleted: Time }),
  jobs: Job,
  remote_build_nodes: RemoteBuildNode,
} as const;
export type Collection = keyof typeof ORIGINAL_SCHEMAS;
export type OriginalRecord<C extends Collection> = v.InferOutput<(typeof ORIGINAL_SCHEMAS)[C]>;

// oxlint-disable-next-line no-unsafe-type-assertion -- the keys are those of the table above
export const COLLECTIONS = Object.keys(ORIGINAL_SCHEMAS) as Collection[];

function milliseconds(text: string): number {
  return Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/u.test(text) ? text : `${text}Z`);
}

/** As this service writes times. */
export const timeOf = (text: string): string => isoTime(milliseconds(text));
