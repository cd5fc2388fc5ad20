import * as v from "valibot";
import { Arch } from "../arch.ts";
import { Link } from "../artifacts/link.ts";
import { RECIPE_TYPES, TemplateEntry } from "../recipes/recipe.ts";
import { JobFailure } from "./failure.ts";
import { JobStatus, JobType } from "./status.ts";

const Endpoint = v.object({ host: v.string(), port: v.number() });

export const SshContainer = v.object({
  name: v.string(),
  jail: v.boolean(),
  status: v.string(),
  connection_info: v.record(v.string(), Endpoint),
});
export type SshContainer = v.InferOutput<typeof SshContainer>;

/** A stretch of a job's life in one status; `ended` is absent while it lasts. */
const PhaseSpan = v.object({
  status: JobStatus,
  started: v.string(),
  ended: v.optional(v.string()),
});
export type PhaseSpan = v.InferOutput<typeof PhaseSpan>;

export const JobProgress = v.object({
  /** What is being done, in a few words. */
  message: v.optional(v.string()),
  /** Of the current phase, 0 to 100, where a tool tells it. */
  percent: v.optional(v.number()),
  phases: v.array(PhaseSpan),
});
export type JobProgress = v.InferOutput<typeof JobProgress>;

/** What a job works on, copied when it is made, so that deleting the record later does not touch it. */
export const JobSource = v.object({
  link: Link,
  recipe_type: v.optional(v.picklist(RECIPE_TYPES)),
  template_dictionary: v.optional(v.array(TemplateEntry)),
  /** Of the linked object as the store had it when the job was posted; the store may not know digests. */
  etag: v.optional(v.string()),
  md5: v.optional(v.string()),
  sha256: v.optional(v.string()),
  /** Of an image to customize, as its manifest has it. */
  rootfs_md5: v.optional(v.string()),
});
export type JobSource = v.InferOutput<typeof JobSource>;

/** A job's record: the members of the API of record, then what only the service sees. */
export const Job = v.object({
  id: v.string(),
  created: v.string(),
  job_type: JobType,
  image_root_archive_name: v.string(),
  kernel_file_name: v.string(),
  initrd_file_name: v.string(),
  kernel_parameters_file_name: v.string(),
  status: JobStatus,
  artifact_id: v.string(),
  public_key_id: v.string(),
  kubernetes_job: v.string(),
  kubernetes_service: v.string(),
  kubernetes_configmap: v.string(),
  kubernetes_pvc: v.string(),
  kubernetes_secret: v.nullable(v.string()),
  kubernetes_namespace: v.string(),
  remote_build_node: v.string(),
  ssh_containers: v.nullable(v.array(SshContainer)),
  enable_debug: v.boolean(),
  resultant_image_id: v.nullable(v.string()),
  build_env_size: v.number(),
  job_mem_size: v.number(),
  arch: Arch,
  require_dkms: v.boolean(),
  /** Jobs with a higher one come first; absent is 0. */
  priority: v.optional(v.number()),
  error: v.optional(JobFailure),
  progress: v.optional(JobProgress),
  /** Key text as it was when the job was made; its record may be gone as soon as the job exists. */
  public_key: v.string(),
  source: JobSource,
  /** Id of the image that this job will make; its artifacts are stored under it before the record exists. */
  planned_image_id: v.string(),
  /** Why the build failed whose shell is open: what the job ends with, whatever ends the shell. */
  held_failure: v.optional(JobFailure),
});
export type Job = v.InferOutput<typeof Job>;
