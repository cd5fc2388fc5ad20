import type { JobWork } from "../../core/ports/job-runner.ts";

/** What runners are told of a job, as the service's defaults have it. */
export const jobWork = (jobId: string, more: Partial<JobWork> = {}): JobWork => {
  const type = more.type ?? "create";
  return {
    type,
    arch: "x86_64",
    dkms: false,
    shell: type === "customize",
    diskBytes: 15 * 2 ** 30,
    memoryBytes: 8 * 2 ** 30,
    kubernetes: {
      namespace: "ims",
      job: `cray-ims-${jobId}-${type}`,
      service: `cray-ims-${jobId}-service`,
      configmap: `cray-ims-${jobId}-configmap`,
      pvc: `cray-ims-${jobId}-job-claim`,
      secret: null,
    },
    ...more,
  };
};
