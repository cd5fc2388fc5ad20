import type { V1ConfigMap, V1ObjectMeta, V1PersistentVolumeClaim, V1Secret } from "@kubernetes/client-node";
import { jobLabels } from "../labels.ts";
import type { ManifestConfig } from "../config.ts";
import {
  type JobFacts,
  ownedBy,
  SHELL_PORT,
  SIGNING_KEYS_FOLDER,
  TERMINATION_LOG,
  TOKEN_FILE,
  TOKEN_FOLDER,
  tokenSecretName,
  WORK_ROOT,
} from "./facts.ts";
import { quantity } from "./quantity.ts";
import { confinementEnvironment } from "../../local/confinement.ts";

/** The Job as the cluster has it: its dependents name it as their owner, and go with it. */
export interface OwnerFacts {
  readonly name: string;
  readonly uid: string;
}

type DependentMeta = Pick<V1ObjectMeta, "labels" | "name" | "namespace" | "ownerReferences">;

export function dependentMeta(
  name: string,
  { attempt, jobId }: JobFacts,
  { instance, namespace }: ManifestConfig,
  owner: OwnerFacts,
): DependentMeta {
  return {
    name,
    namespace,
    labels: jobLabels(instance, jobId, attempt),
    ownerReferences: [ownedBy(owner)],
  };
}

/** The agent's environment. Everybody who may look into the namespace can read it: nothing in it is secret. */
export function configMapManifest(facts: JobFacts, config: ManifestConfig, owner: OwnerFacts): V1ConfigMap {
  const { jobId, limits, work } = facts;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: dependentMeta(work.kubernetes.configmap, facts, config, owner),
    immutable: true,
    data: {
      ...config.agentEnv,
      ...confinementEnvironment({
        ownMounts: false,
        hidden: [],
        needed: [],
        groups: [],
        alone: true,
        lacks: [],
        ...(limits === undefined ? {} : { limits }),
      }),
      IMS_JOB_ID: jobId,
      IMS_SERVICE_URL: config.serviceUrl(),
      IMS_WORK_FOLDER: `${WORK_ROOT}/${jobId}`,
      IMS_TOKEN_FILE: `${TOKEN_FOLDER}/${TOKEN_FILE}`,
      IMS_SHELL_PORT: String(SHELL_PORT),
      IMS_TERMINATION_LOG: TERMINATION_LOG,
      ...(work.kubernetes.secret === null ? {} : { IMS_SIGNING_KEYS: SIGNING_KEYS_FOLDER }),
    },
  };
}

/** The token, which is good for this job and attempt alone, as the line that the agent reads. */
export function tokenManifest(
  facts: JobFacts,
  token: string,
  config: ManifestConfig,
  owner: OwnerFacts,
): V1Secret {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: dependentMeta(tokenSecretName(facts), facts, config, owner),
    type: "Opaque",
    immutable: true,
    stringData: { [TOKEN_FILE]: `${JSON.stringify({ token })}\n` },
  };
}

/** The volume that a job works in, of the size that it asked for; none where it works in the node's own. */
export function claimManifest(
  facts: JobFacts,
  config: ManifestConfig,
  owner: OwnerFacts,
): V1PersistentVolumeClaim | undefined {
  const { volume } = config;
  if (volume.kind !== "claim") return undefined;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: dependentMeta(facts.work.kubernetes.pvc, facts, config, owner),
    spec: {
      accessModes: ["ReadWriteOnce"],
      ...(volume.storageClass === undefined ? {} : { storageClassName: volume.storageClass }),
      resources: { requests: { storage: quantity(facts.work.diskBytes) } },
    },
  };
}

/** The keys that packages are signed with, copied into the job's namespace; `data` as the original Secret has it. */
export function signingKeysManifest(
  facts: JobFacts,
  data: Readonly<Record<string, string>>,
  config: ManifestConfig,
  owner: OwnerFacts,
): V1Secret | undefined {
  const name = facts.work.kubernetes.secret;
  if (name === null) return undefined;
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: dependentMeta(name, facts, config, owner),
    type: "Opaque",
    immutable: true,
    data: { ...data },
  };
}
