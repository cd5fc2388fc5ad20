import type { V1OwnerReference } from "@kubernetes/client-node";
import type { LaunchOrder } from "../../../../core/ports/job-runner.ts";

/** What manifests are made of beside the configuration: all of an order but its secret. */
export type JobFacts = Pick<LaunchOrder, "jobId" | "attempt" | "limits" | "work">;

/** Where sshd listens in a pod; no privileged port, so that listening needs no capability. */
export const SHELL_PORT = 2222;
/** What a Service offers it at, as the job's record says from the beginning (behaviour 155). */
export const SERVICE_PORT = 22;
export const SHELL_PORT_NAME = "shell";
/** The folder that holds a job's work folder. */
export const WORK_ROOT = "/work";
export const TOKEN_FOLDER = "/run/ims";
export const TOKEN_FILE = "token";
/** Where the kubelet finds a container's last words, unless told otherwise. */
export const TERMINATION_LOG = "/dev/termination-log";
export const SIGNING_KEYS_FOLDER = "/signing-keys";

export const tokenSecretName = ({ jobId }: Pick<JobFacts, "jobId">): string => `cray-ims-${jobId}-token`;

/** Makes an object go with its Job. */
export function ownedBy(job: { readonly name: string; readonly uid: string }): V1OwnerReference {
  return { apiVersion: "batch/v1", kind: "Job", name: job.name, uid: job.uid, blockOwnerDeletion: true };
}
