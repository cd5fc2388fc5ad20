import type { V1Job, V1PodFailurePolicyRule } from "@kubernetes/client-node";
import { jobLabels, MEMORY_ANNOTATION } from "../labels.ts";
import type { ManifestConfig } from "../config.ts";
import type { JobFacts } from "./facts.ts";
import { podTemplate } from "./pod.ts";

/**
 * Whatever ends a pod ends its job, at once: an agent's token is good for one attempt, and the service alone decides on
 * another. The first rule names evictions, drained and lost nodes in the Job's own condition.
 */
const FAIL_AT_ONCE: readonly V1PodFailurePolicyRule[] = [
  { action: "FailJob", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
  { action: "FailJob", onExitCodes: { operator: "NotIn", values: [0] } },
];

/** The Job, suspended: it is resumed when all is there that its pod needs, and owns it. */
export function jobManifest(facts: JobFacts, config: ManifestConfig): V1Job {
  const { attempt, jobId, limits, work } = facts;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: work.kubernetes.job,
      namespace: config.namespace,
      labels: jobLabels(config.instance, jobId, attempt),
      ...(limits === undefined ? {} : { annotations: { [MEMORY_ANNOTATION]: String(limits.memoryBytes) } }),
    },
    spec: {
      suspend: true,
      completions: 1,
      parallelism: 1,
      backoffLimit: 0,
      podFailurePolicy: { rules: [...FAIL_AT_ONCE] },
      activeDeadlineSeconds: config.deadlineSeconds,
      ttlSecondsAfterFinished: config.ttlSeconds,
      template: podTemplate(facts, config),
    },
  };
}
