import * as v from "valibot";
import { ARCHS } from "../../core/arch.ts";
import { Image, OriginalImage } from "../../core/images/image.ts";
import { Job } from "../../core/jobs/job.ts";
import { type JobInQueue, QueuePlace } from "../../core/jobs/queue.ts";
import { JOB_STATUSES, JOB_TYPES } from "../../core/jobs/status.ts";
import { NodeAddress, RemoteBuildNode } from "../../core/nodes/node.ts";
import { PublicKey } from "../../core/public-keys/public-key.ts";
import { LINUX_DISTRIBUTIONS, Recipe, RECIPE_TYPES } from "../../core/recipes/recipe.ts";
import { LEAST_PART_BYTES, MOST_PART_BYTES, MOST_PARTS } from "../../core/uploads/parts.ts";
import { UPLOAD_STATES } from "../../core/uploads/upload-session.ts";
import {
  firstOf,
  lenientBoolean,
  lenientPositiveInteger,
  lenientUuid,
  isReservedKey,
  RESERVED_KEY,
  mapKey,
  mapping,
  members,
  notBlank,
  oneOf,
} from "../http/fields.ts";

const arch = oneOf(ARCHS);

/** Requests refuse members they do not know (behaviour 10). */
const LinkInput = members({
  path: v.pipe(
    notBlank("path"),
    v.metadata({ pattern: "^s3://[^/]+/[^/]", examples: ["s3://boot-images/1/manifest.json"] }),
  ),
  type: oneOf(["s3"], "Type must be one of"),
  etag: v.optional(v.string()),
});

const MetadataPair = members({ key: v.string(), value: v.optional(v.string(), "") });
const MetadataMap = v.record(v.string(), v.string());

/** `{key, value}` or a plain map; a pair's further members are dropped (behaviour 46, 47). */
const MetadataInput = v.pipe(
  mapping,
  v.metadata({
    type: "object",
    additionalProperties: { type: "string" },
    description: "A map of strings, or one entry of it as `{key, value}`",
  }),
  v.rawTransform<Record<string, unknown>, Record<string, string>>(({ dataset, addIssue, NEVER }) => {
    const { key, value } = dataset.value;
    if ([...Object.keys(dataset.value), key].some(isReservedKey)) {
      addIssue({ message: RESERVED_KEY });
      return NEVER;
    }
    const pair =
      key === undefined
        ? undefined
        : v.safeParse(MetadataPair, value === undefined ? { key } : { key, value });
    if (pair?.success === true) return { [pair.output.key]: pair.output.value };
    const map = pair === undefined ? v.safeParse(MetadataMap, dataset.value) : undefined;
    if (map?.success === true) return map.output;
    addIssue({ message: "Metadata is a key and a value, or a map of strings." });
    return NEVER;
  }),
);

export const NewPublicKeyV3 = members({ name: notBlank("name"), public_key: notBlank("public_key") });
export const PublicKeyV3 = PublicKey;
export const DeletedPublicKeyV3 = v.object({ ...PublicKey.entries, deleted: v.string() });

export const NewImageV3 = members({
  name: notBlank("name"),
  link: v.optional(v.nullable(LinkInput), null),
  arch: v.optional(arch, "x86_64"),
  metadata: v.optional(MetadataInput, {}),
});

const MetadataChange = members({
  operation: oneOf(["set", "remove"]),
  key: mapKey,
  value: v.optional(v.string()),
});

export const ImagePatchV3 = v.pipe(
  members({
    link: v.optional(LinkInput),
    arch: v.optional(arch),
    metadata: v.optional(MetadataChange),
  }),
  v.metadata({ minProperties: 1 }),
);
export const ImageV3 = Image;
export const ImageV2 = OriginalImage;
export const DeletedImageV3 = v.object({ ...Image.entries, deleted: v.string() });

const TemplateEntryInput = members({ key: mapKey, value: v.string() });

export const NewRecipeV3 = members({
  name: notBlank("name"),
  recipe_type: oneOf(RECIPE_TYPES, "Recipe type must be one of"),
  linux_distribution: oneOf(LINUX_DISTRIBUTIONS, "Recipe type must be one of"),
  link: v.optional(v.nullable(LinkInput), null),
  // The original stores null and then fails every job of the recipe (behaviour 113); an empty list means the same.
  template_dictionary: v.optional(
    v.pipe(
      v.nullable(v.array(TemplateEntryInput)),
      v.transform((entries) => entries ?? []),
    ),
    [],
  ),
  require_dkms: v.optional(lenientBoolean, true),
  arch: v.optional(arch, "x86_64"),
});

export const RecipePatchV3 = v.pipe(
  members({
    link: v.optional(LinkInput),
    arch: v.optional(arch),
    require_dkms: v.optional(lenientBoolean),
    template_dictionary: v.optional(v.array(TemplateEntryInput)),
  }),
  v.metadata({ minProperties: 1 }),
);
export const RecipeV3 = Recipe;
export const DeletedRecipeV3 = v.object({ ...Recipe.entries, deleted: v.string() });

const SshContainerInput = members({ name: v.optional(v.string()), jail: v.optional(lenientBoolean) });

/** Of jobs that wait: higher comes first. Not in the original. */
const priority = v.pipe(
  v.number("Not a valid integer."),
  v.integer("Not a valid integer."),
  v.minValue(-100, "priority must be -100 to 100."),
  v.maxValue(100, "priority must be -100 to 100."),
);

export const NewJobV3 = members({
  job_type: oneOf(JOB_TYPES, "Job type must be one of"),
  artifact_id: lenientUuid,
  public_key_id: lenientUuid,
  image_root_archive_name: notBlank("image_root_archive_name"),
  kernel_file_name: v.optional(v.string()),
  initrd_file_name: v.optional(notBlank("initrd_file_name")),
  kernel_parameters_file_name: v.optional(notBlank("kernel_parameters_file_name")),
  enable_debug: v.optional(lenientBoolean),
  build_env_size: v.optional(lenientPositiveInteger("build_env_size")),
  job_mem_size: v.optional(lenientPositiveInteger("job_mem_size")),
  ssh_containers: v.optional(v.nullable(v.array(SshContainerInput)), null),
  require_dkms: v.optional(lenientBoolean),
  priority: v.optional(priority),
});

export const JobPatchV3 = v.pipe(
  members({ status: v.optional(oneOf(JOB_STATUSES)), resultant_image_id: v.optional(lenientUuid) }),
  v.metadata({ minProperties: 1 }),
);

const {
  public_key: _publicKey,
  source: _source,
  planned_image_id: _plannedImageId,
  held_failure: _heldFailure,
  ...publicMembers
} = Job.entries;

/** A job as clients see it: without the key's text, the source it copied and the id it may use one day. */
export const JobV3 = v.object({ ...publicMembers, queue: v.optional(QueuePlace) });

export function jobView(job: JobInQueue): v.InferOutput<typeof JobV3> {
  const {
    public_key: _publicKey,
    source: _source,
    planned_image_id: _plannedImageId,
    held_failure: _heldFailure,
    ...view
  } = job;
  return view;
}

/** Judged by core; `metadata` is for the description of the API. */
export const JobQueryV3 = v.object({
  status: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.metadata({ enum: JOB_STATUSES }))),
      v.description("Jobs in one of these statuses, in any case"),
    ),
  ),
  job_type: v.optional(v.pipe(firstOf, v.metadata({ enum: JOB_TYPES, description: "Jobs of this type" }))),
  age: v.optional(
    v.pipe(
      firstOf,
      v.metadata({
        pattern: "^(?:\\d{1,4}[wdhm])+$",
        description: "Jobs made longer ago than this, such as `2w`, `1d12h` or `30m`",
        examples: ["1d12h"],
      }),
    ),
  ),
});

/** The original's message names another field (behaviour 188). */
export const NewRemoteBuildNodeV3 = members({ xname: notBlank("name"), ...NodeAddress.entries });
export const RemoteBuildNodeV3 = RemoteBuildNode;

export const NodeStatusV3 = v.object({
  xname: v.string(),
  sshStatus: v.string(),
  podmanStatus: v.string(),
  nodeArch: v.string(),
  numCurrentJobs: v.number(),
  ableToRunJobs: v.boolean(),
  lastSeen: v.optional(v.string()),
  trouble: v.optional(v.string()),
  freeBytes: v.optional(v.number()),
  freeMemoryBytes: v.optional(v.number()),
});

const artifactMembers = {
  type: v.string(),
  md5: v.optional(v.string()),
  sha256: v.optional(v.string()),
  size: v.number(),
  link: v.object({ path: v.string(), etag: v.string(), type: v.literal("s3") }),
};
export const UploadedArtifactV3 = v.object(artifactMembers);
const digest = (bytes: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`, "u"), "Digests are lower-case hex."));
const byteCount = v.pipe(
  v.number("Not a valid integer."),
  v.safeInteger("Not a valid integer."),
  v.minValue(0),
);
const partNumber = v.pipe(
  v.number("Not a valid integer."),
  v.integer("Not a valid integer."),
  v.minValue(1, `Parts have numbers from 1 to ${MOST_PARTS}.`),
  v.maxValue(MOST_PARTS, `Parts have numbers from 1 to ${MOST_PARTS}.`),
);

const UploadTargetV3 = v.union([
  members({ recipe: v.string() }),
  members({
    image: v.string(),
    artifact: oneOf(["rootfs", "kernel", "initrd", "boot_parameters", "debug_kernel"]),
  }),
]);

/** What is known of the whole. */
export const NewUploadV3 = members({
  target: UploadTargetV3,
  size: v.optional(byteCount),
  md5: v.optional(digest(16)),
  sha256: v.optional(digest(32)),
  part_size: v.optional(
    v.pipe(
      v.number("Not a valid integer."),
      v.integer("Not a valid integer."),
      v.minValue(LEAST_PART_BYTES, `Parts have at least ${LEAST_PART_BYTES} bytes.`),
      v.maxValue(MOST_PART_BYTES, `Parts have at most ${MOST_PART_BYTES} bytes.`),
    ),
  ),
});

export const UploadV3 = v.object({
  id: v.string(),
  created: v.string(),
  expires_at: v.string(),
  target: UploadTargetV3,
  part_size: v.number(),
  size: v.optional(v.number()),
  md5: v.optional(v.string()),
  sha256: v.optional(v.string()),
  state: v.picklist(UPLOAD_STATES),
  ended: v.optional(v.string()),
  reason: v.optional(v.string()),
});

const MOST_NUMBERS = 1000;
export const PartNumbersV3 = members({
  part_numbers: v.pipe(
    v.array(partNumber),
    v.minLength(1, "Name at least one part."),
    v.maxLength(MOST_NUMBERS, `Ask for at most ${MOST_NUMBERS} parts at once.`),
  ),
});
export const SignedPartV3 = v.object({
  part_number: v.number(),
  method: v.literal("PUT"),
  url: v.string(),
  expires_at: v.string(),
});
export const UploadedPartV3 = v.object({ part_number: v.number(), size: v.number(), etag: v.string() });

const told = <T extends v.GenericSchema<string, unknown>>(schema: T) => v.optional(v.pipe(firstOf, schema));

/** What was not known of the whole when the upload was opened. */
export const WholeV3 = v.object({
  size: v.optional(
    v.pipe(firstOf, v.regex(/^\d{1,15}$/u, "Not a valid integer."), v.transform(Number), v.number()),
  ),
  md5: told(digest(16)),
  sha256: told(digest(32)),
});

export const ArtifactV3 = v.object({ name: v.string(), ...artifactMembers });
