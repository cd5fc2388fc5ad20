import type { JobLimits, JobWork } from "../ports/job-runner.ts";
import type { Job } from "./job.ts";
import { GIB } from "./shortage.ts";

/** What runners may know of a job. */
export function workOf(job: Job): JobWork {
  return {
    type: job.job_type,
    arch: job.arch,
    dkms: job.require_dkms,
    shell: job.job_type === "customize" || job.enable_debug,
    ...sizesOf(job),
    kubernetes: {
      namespace: job.kubernetes_namespace,
      job: job.kubernetes_job,
      service: job.kubernetes_service,
      configmap: job.kubernetes_configmap,
      pvc: job.kubernetes_pvc,
      secret: job.kubernetes_secret,
    },
  };
}

export function sizesOf(job: Pick<Job, "job_mem_size" | "build_env_size">): JobLimits {
  return { memoryBytes: job.job_mem_size * GIB, diskBytes: job.build_env_size * GIB };
}
