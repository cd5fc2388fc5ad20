import type { Arch } from "../arch.ts";
import { isoTime } from "../collection.ts";
import type { Settings } from "../settings.ts";
import type { Job, JobSource, SshContainer } from "./job.ts";
import type { JobType } from "./status.ts";

/** What a client asks for, validated; everything but the first four may be absent. */
export interface JobRequest {
  readonly job_type: JobType;
  readonly artifact_id: string;
  readonly public_key_id: string;
  readonly image_root_archive_name: string;
  readonly kernel_file_name?: string | undefined;
  readonly initrd_file_name?: string | undefined;
  readonly kernel_parameters_file_name?: string | undefined;
  readonly enable_debug?: boolean | undefined;
  readonly build_env_size?: number | undefined;
  readonly job_mem_size?: number | undefined;
  readonly ssh_containers?:
    | readonly { readonly name?: string | undefined; readonly jail?: boolean | undefined }[]
    | null;
  readonly require_dkms?: boolean | undefined;
  /** Higher comes first; 0 by default. */
  readonly priority?: number | undefined;
}

/** What a job copies from other records, so that it does not depend on them later. */
export interface JobFacts {
  readonly id: string;
  readonly planned_image_id: string;
  readonly now: number;
  readonly arch: Arch;
  readonly public_key: string;
  readonly source: JobSource;
  /** The recipe's; absent for images. */
  readonly recipe_require_dkms?: boolean;
}

/** The record of a new job with every default filled in (behaviour 148 to 159). */
export function newJob(request: JobRequest, facts: JobFacts, settings: Settings["jobs"]): Job {
  const { id, arch } = facts;
  const created = isoTime(facts.now);
  return {
    id,
    created,
    job_type: request.job_type,
    image_root_archive_name: request.image_root_archive_name,
    kernel_file_name: request.kernel_file_name || (arch === "aarch64" ? "Image" : "vmlinuz"),
    initrd_file_name: request.initrd_file_name ?? "initrd",
    kernel_parameters_file_name: request.kernel_parameters_file_name ?? "kernel-parameters",
    status: "creating",
    artifact_id: request.artifact_id,
    public_key_id: request.public_key_id,
    ...kubernetesNames(id, request.job_type, settings),
    remote_build_node: "",
    ssh_containers: sshContainers(request, id, settings),
    enable_debug: request.enable_debug ?? false,
    resultant_image_id: null,
    build_env_size: request.build_env_size ?? settings.defaults.buildEnvSize,
    job_mem_size: request.job_mem_size ?? settings.defaults.jobMemSize,
    arch,
    require_dkms: requireDkms(request, facts, settings),
    ...(request.priority === undefined || request.priority === 0 ? {} : { priority: request.priority }),
    progress: { phases: [{ status: "creating", started: created }] },
    public_key: facts.public_key,
    source: facts.source,
    planned_image_id: facts.planned_image_id,
  };
}

/** Behaviour 158, 159. */
function kubernetesNames(id: string, type: JobType, { defaults }: Settings["jobs"]) {
  const name = `cray-ims-${id}`;
  return {
    kubernetes_job: `${name}-${type}`,
    kubernetes_service: `${name}-service`,
    kubernetes_configmap: `${name}-configmap`,
    kubernetes_pvc: `${name}-job-claim`,
    kubernetes_secret: defaults.signingKeys ? `${name}-signing-keys` : null,
    kubernetes_namespace: defaults.namespace,
  };
}

/** Behaviour 157: always on aarch64, then what was asked, then the recipe's, then the service's default. */
function requireDkms(request: JobRequest, facts: JobFacts, settings: Settings["jobs"]): boolean {
  if (facts.arch === "aarch64") return true;
  return request.require_dkms ?? facts.recipe_require_dkms ?? settings.defaults.enableDkms;
}

/** Behaviour 154 to 156. */
function sshContainers(request: JobRequest, id: string, settings: Settings["jobs"]): SshContainer[] | null {
  const asked = request.ssh_containers ?? null;
  if (request.job_type === "create") {
    if (request.enable_debug === true) return [pendingShell("debug", false, id, settings)];
    return asked === null ? null : [];
  }
  const [first] = asked ?? [];
  return [pendingShell(first?.name ?? "customize", first?.jail ?? false, id, settings)];
}

/** Behaviour 155: what the original promises before anything runs; the real address comes with `waiting_on_user`. */
function pendingShell(name: string, jail: boolean, id: string, settings: Settings["jobs"]): SshContainer {
  const service = `cray-ims-${id}-service.${settings.defaults.namespace}.svc.cluster.local`;
  return {
    name,
    jail,
    status: "pending",
    connection_info: {
      customer_access: { host: `${id}.ims.${settings.domain}`, port: 22 },
      "cluster.local": { host: service, port: 22 },
    },
  };
}
