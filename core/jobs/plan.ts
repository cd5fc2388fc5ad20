import * as v from "valibot";
import { Arch } from "../arch.ts";
import { RECIPE_TYPES } from "../recipes/recipe.ts";
import { JobStatus } from "./status.ts";

/** An object to fetch: ranged GETs of a URL that carries its own permission. Digests are lower-case hex. */
export const Download = v.object({
  url: v.string(),
  size: v.number(),
  md5: v.optional(v.string()),
  sha256: v.optional(v.string()),
});
export type Download = v.InferOutput<typeof Download>;

export const SQUASHFS_COMPRESSIONS = ["zstd", "gzip", "lz4", "lzo", "xz"] as const;
const SquashfsCompression = v.picklist(SQUASHFS_COMPRESSIONS);

export const PackOptions = v.object({
  compression: SquashfsCompression,
  /** Of the compressor; absent: its own default. */
  level: v.optional(v.number()),
  /** Absent: all of the machine's. */
  processors: v.optional(v.number()),
});
export type PackOptions = v.InferOutput<typeof PackOptions>;

/** The shell that a job opens: who may use it, where it listens, and when it ends for want of a user. */
export const ShellOrder = v.object({
  /** Text of an authorized_keys file. */
  public_key: v.string(),
  /** Where sshd listens, and what clients are told. */
  host: v.string(),
  /** Absent: any free port. */
  ports: v.optional(v.object({ first: v.number(), last: v.number() })),
  /** Whether the image root is all that its user sees. */
  jail: v.boolean(),
  /** Whether kernel modules can be built in the image root. */
  dkms: v.boolean(),
  idle_seconds: v.number(),
  /** How long before the end the user is warned. */
  idle_warning_seconds: v.number(),
});
export type ShellOrder = v.InferOutput<typeof ShellOrder>;

const Step = v.variant("do", [
  v.object({ do: v.literal("check-shell"), status: JobStatus }),
  v.object({ do: v.literal("fetch-rootfs"), status: JobStatus, download: Download }),
  v.object({ do: v.literal("unpack-rootfs"), status: JobStatus }),
  v.object({ do: v.literal("open-shell"), status: JobStatus }),
  v.object({ do: v.literal("wait-for-user"), status: JobStatus }),
  v.object({ do: v.literal("close-shell"), status: JobStatus }),
  v.object({ do: v.literal("fetch-recipe"), status: JobStatus, download: Download }),
  /** Refuses an archive that unpacks to more than this. */
  v.object({
    do: v.literal("unpack-recipe"),
    status: JobStatus,
    recipe_type: v.picklist(RECIPE_TYPES),
    max_bytes: v.number(),
    max_entries: v.number(),
  }),
  v.object({
    do: v.literal("render-templates"),
    status: JobStatus,
    variables: v.record(v.string(), v.string()),
  }),
  v.object({ do: v.literal("await-repositories"), status: JobStatus, wait_seconds: v.number() }),
  v.object({ do: v.literal("build-with-kiwi"), status: JobStatus }),
  v.object({
    do: v.literal("build-with-packer"),
    status: JobStatus,
    image_name: v.string(),
    /** The template dictionary: values for the variables that the template declares. */
    variables: v.record(v.string(), v.string()),
    /** A root archive that unpacks to more is refused. */
    max_bytes: v.number(),
  }),
  v.object({
    do: v.literal("collect-boot-files"),
    status: JobStatus,
    kernel: v.string(),
    initrd: v.string(),
    kernel_parameters: v.string(),
  }),
  v.object({ do: v.literal("list-packages"), status: JobStatus }),
  v.object({ do: v.literal("pack-rootfs"), status: JobStatus, options: PackOptions }),
  v.object({ do: v.literal("upload"), status: JobStatus }),
]);
export type Step = v.InferOutput<typeof Step>;
export type StepName = Step["do"];
export type StepOf<N extends StepName> = Extract<Step, { do: N }>;

/** The ordered steps a job's agent carries out. While a step runs the job's status is the step's. */
export const Plan = v.object({
  job_id: v.string(),
  attempt: v.number(),
  arch: Arch,
  /** GiB that the job asked for. */
  build_env_size: v.number(),
  /** The agent reports at least this often, in seconds. */
  heartbeat_seconds: v.number(),
  /** What programs print is left out of the log from this size on; absent: the agent's own limit. */
  log_bytes: v.optional(v.number()),
  /** Of a customize job: what its steps open. Of a create job: what is opened when its build fails. */
  shell: v.optional(ShellOrder),
  steps: v.array(Step),
});
export type Plan = v.InferOutput<typeof Plan>;
