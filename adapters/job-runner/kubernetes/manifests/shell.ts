import type { KubernetesObject, V1Service } from "@kubernetes/client-node";
import { JOB_LABEL } from "../labels.ts";
import type { ManifestConfig } from "../config.ts";
import { dependentMeta, type OwnerFacts } from "./dependents.ts";
import { type JobFacts, SERVICE_PORT, SHELL_PORT_NAME } from "./facts.ts";

/** The name by which users outside of the cluster know a job's shell (behaviour 155). */
export const shellHostName = (jobId: string, domain: string): string => `${jobId}.ims.${domain}`;

/** Where a job's shell is found; none for a job that never opens one. */
export function serviceManifest(
  facts: JobFacts,
  config: ManifestConfig,
  owner: OwnerFacts,
): V1Service | undefined {
  const { jobId, work } = facts;
  if (!work.shell) return undefined;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      ...dependentMeta(work.kubernetes.service, facts, config, owner),
      annotations: annotationsOf(jobId, config),
    },
    spec: {
      type: config.shell.type,
      selector: { [JOB_LABEL]: jobId },
      ports: [{ name: SHELL_PORT_NAME, port: SERVICE_PORT, targetPort: SHELL_PORT_NAME, protocol: "TCP" }],
    },
  };
}

function annotationsOf(jobId: string, { shell }: ManifestConfig): Record<string, string> {
  const host = shellHostName(jobId, shell.domain);
  return Object.fromEntries(
    Object.entries(shell.annotations).map(([name, value]) => [name, value.replaceAll("{host}", host)]),
  );
}

/** Istio's, of which the client has no type. */
export interface DestinationRule extends KubernetesObject {
  readonly spec: {
    readonly host: string;
    readonly trafficPolicy: { readonly tls: { readonly mode: "DISABLE" } };
  };
}

/** ssh brings its own encryption, which a mesh must not wrap into TLS (behaviour 165). */
export function destinationRuleManifest(
  facts: JobFacts,
  config: ManifestConfig,
  owner: OwnerFacts,
): DestinationRule | undefined {
  if (!config.istio || !facts.work.shell) return undefined;
  const { service } = facts.work.kubernetes;
  return {
    apiVersion: "networking.istio.io/v1beta1",
    kind: "DestinationRule",
    metadata: dependentMeta(service, facts, config, owner),
    spec: {
      host: `${service}.${config.namespace}.svc.cluster.local`,
      trafficPolicy: { tls: { mode: "DISABLE" } },
    },
  };
}
