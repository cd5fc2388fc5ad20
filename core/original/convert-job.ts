import type { Arch } from "../arch.ts";
import type { Link } from "../artifacts/link.ts";
import type { Image } from "../images/image.ts";
import type { JobFailure } from "../jobs/failure.ts";
import type { Job, JobSource, SshContainer } from "../jobs/job.ts";
import { isTerminal, type JobStatus } from "../jobs/status.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { idOf } from "./convert.ts";
import { type OriginalRecord, timeOf } from "./schemas.ts";

/** What a job's record of this service knows and one of the original does not. */
export interface JobSurroundings {
  readonly buckets: { readonly recipes: string; readonly images: string };
  /** Live, or recipes in the trash, whose archive is still an archive. */
  readonly recipes: ReadonlyMap<string, Recipe>;
  readonly images: ReadonlyMap<string, Image>;
  /** Texts, also of keys in the trash. */
  readonly keys: ReadonlyMap<string, string>;
}

export function jobOf(job: OriginalRecord<"jobs">, around: JobSurroundings): Job {
  const id = idOf(job.id);
  const arch: Arch = job.arch ?? "x86_64";
  const image = job.resultant_image_id?.toLowerCase() ?? null;
  const key = idOf(job.public_key_id);
  return {
    id,
    created: timeOf(job.created),
    job_type: job.job_type,
    image_root_archive_name: job.image_root_archive_name,
    ...fileNames(job, arch),
    ...endOf(job.status),
    artifact_id: idOf(job.artifact_id),
    public_key_id: key,
    ...clusterNames(job),
    ssh_containers: job.ssh_containers?.map((shell) => shellOf(shell)) ?? null,
    ...needs(job),
    resultant_image_id: image,
    arch,
    public_key: around.keys.get(key) ?? "",
    source: sourceOf(job, around),
    planned_image_id: image ?? id,
  };
}

function endOf(status: JobStatus): Pick<Job, "status" | "error"> {
  return isTerminal(status) ? { status } : { status: "error", error: lostOnTheWay(status) };
}

function needs(job: OriginalRecord<"jobs">) {
  return {
    enable_debug: job.enable_debug ?? false,
    build_env_size: job.build_env_size ?? 60,
    job_mem_size: job.job_mem_size ?? 8,
    require_dkms: job.require_dkms ?? true,
  };
}

function fileNames(job: OriginalRecord<"jobs">, arch: Arch) {
  return {
    kernel_file_name: job.kernel_file_name || (arch === "aarch64" ? "Image" : "vmlinuz"),
    initrd_file_name: job.initrd_file_name || "initrd",
    kernel_parameters_file_name: job.kernel_parameters_file_name || "kernel-parameters",
  };
}

function clusterNames(job: OriginalRecord<"jobs">) {
  return {
    kubernetes_job: job.kubernetes_job ?? "",
    kubernetes_service: job.kubernetes_service ?? "",
    kubernetes_configmap: job.kubernetes_configmap ?? "",
    kubernetes_pvc: job.kubernetes_pvc ?? "",
    kubernetes_secret: job.kubernetes_secret ?? null,
    kubernetes_namespace: job.kubernetes_namespace ?? "default",
    remote_build_node: job.remote_build_node ?? "",
  };
}

function shellOf({
  name,
  jail,
  status,
  connection_info,
}: NonNullable<OriginalRecord<"jobs">["ssh_containers"]>[number]): SshContainer {
  return {
    name: name ?? "customize",
    jail: jail ?? false,
    status: status ?? "pending",
    connection_info: connection_info ?? {},
  };
}

/** Its pod reports to a service that is no more. */
function lostOnTheWay(phase: JobStatus): JobFailure {
  return {
    phase,
    code: "agent_lost",
    message: "The job was under way when its records were brought into this service.",
    log_tail: [],
    hint: "Start it again with POST /v3/jobs/{id}/retry.",
  };
}

/** So that it can be started again while what it worked on is still there. */
function sourceOf({ job_type, artifact_id }: OriginalRecord<"jobs">, around: JobSurroundings): JobSource {
  const id = idOf(artifact_id);
  const recipe = around.recipes.get(id);
  if (job_type === "customize")
    return { link: around.images.get(id)?.link ?? gone(around.buckets.images, id) };
  if (recipe === undefined) return { link: gone(around.buckets.recipes, id) };
  const { recipe_type, template_dictionary } = recipe;
  return { link: recipe.link ?? gone(around.buckets.recipes, id), recipe_type, template_dictionary };
}

/** A place where nothing is. */
const gone = (bucket: string, id: string): Link => ({
  path: `s3://${bucket}/gone/${id}`,
  etag: "",
  type: "s3",
});
