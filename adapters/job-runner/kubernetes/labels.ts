/** On every object of a job. */
export const JOB_LABEL = "ims/job";
const ATTEMPT_LABEL = "ims/attempt";
/** On the Job of a job that an administrator has ended: what is left of it is for them to look at. */
export const RELEASED_LABEL = "ims/released";
const MANAGER_LABEL = "app.kubernetes.io/managed-by";
const INSTANCE_LABEL = "app.kubernetes.io/instance";
const MANAGER = "ims";

type Labels = Readonly<Record<string, string>> | undefined;

export function jobLabels(instance: string, jobId: string, attempt: number): Record<string, string> {
  return {
    "app.kubernetes.io/name": "ims-job",
    [INSTANCE_LABEL]: instance,
    [MANAGER_LABEL]: MANAGER,
    [JOB_LABEL]: jobId,
    [ATTEMPT_LABEL]: String(attempt),
  };
}

/** Selects what a service has made for its jobs, or for one of them. */
export function ownSelector(instance: string, jobId?: string): string {
  const all = `${MANAGER_LABEL}=${MANAGER},${INSTANCE_LABEL}=${instance}`;
  return jobId === undefined ? all : `${all},${JOB_LABEL}=${jobId}`;
}

export const jobOf = (labels: Labels): string | undefined => labels?.[JOB_LABEL];

/** The attempt that an object was made for; 0 when it does not say. */
export function attemptOf(labels: Labels): number {
  const attempt = Number(labels?.[ATTEMPT_LABEL]);
  return Number.isSafeInteger(attempt) ? attempt : 0;
}

/** How much memory a job may use, in bytes, for whoever has to tell that it was too little. */
export const MEMORY_ANNOTATION = "ims/memory-bytes";
