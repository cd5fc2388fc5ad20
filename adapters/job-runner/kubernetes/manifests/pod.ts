import type {
  V1Container,
  V1PodSpec,
  V1PodTemplateSpec,
  V1ResourceRequirements,
  V1Volume,
  V1VolumeMount,
} from "@kubernetes/client-node";
import { jobLabels } from "../labels.ts";
import type { ManifestConfig } from "../config.ts";
import {
  type JobFacts,
  SHELL_PORT,
  SHELL_PORT_NAME,
  SIGNING_KEYS_FOLDER,
  TOKEN_FILE,
  TOKEN_FOLDER,
  tokenSecretName,
  WORK_ROOT,
} from "./facts.ts";
import { agentPrivileges } from "./privileges.ts";
import { quantity } from "./quantity.ts";
import { schedulingOf } from "./scheduling.ts";

export const AGENT_CONTAINER = "agent";
/** Nothing of a job's work is kept that is not stored, so that its end need not be waited for. */
const GRACE_SECONDS = 5;
/** Owner reads only. */
const TOKEN_MODE = 0o400;

/** The pod of a job: one container, the agent, which does all of the work. */
export function podTemplate(facts: JobFacts, config: ManifestConfig): V1PodTemplateSpec {
  const { attempt, jobId } = facts;
  return { metadata: { labels: jobLabels(config.instance, jobId, attempt) }, spec: podSpec(facts, config) };
}

function podSpec(facts: JobFacts, config: ManifestConfig): V1PodSpec {
  return {
    restartPolicy: "Never",
    terminationGracePeriodSeconds: GRACE_SECONDS,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(config.serviceAccount === undefined ? {} : { serviceAccountName: config.serviceAccount }),
    ...schedulingOf(facts, config),
    containers: [agentContainer(facts, config)],
    volumes: volumesOf(facts, config),
  };
}

function agentContainer(facts: JobFacts, config: ManifestConfig): V1Container {
  const { work } = facts;
  return {
    name: AGENT_CONTAINER,
    image: config.image,
    imagePullPolicy: "IfNotPresent",
    ...(config.command === undefined ? {} : { command: [...config.command] }),
    // By reference, so that a look at the Job shows what is particular to it and not all of the environment.
    envFrom: [{ configMapRef: { name: work.kubernetes.configmap } }],
    ...(work.shell ? { ports: [{ name: SHELL_PORT_NAME, containerPort: SHELL_PORT, protocol: "TCP" }] } : {}),
    resources: resourcesOf(facts, config),
    securityContext: agentPrivileges(work.dkms),
    // Of an agent that had no time to leave its last words.
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: mountsOf(facts),
  };
}

/** A limit that is no request as well would let jobs be put where the memory is not. */
function resourcesOf({ limits, work }: JobFacts, { cpu }: ManifestConfig): V1ResourceRequirements {
  const memory = quantity(limits?.memoryBytes ?? work.memoryBytes);
  return { requests: { cpu, memory }, ...(limits === undefined ? {} : { limits: { memory } }) };
}

function mountsOf({ work }: JobFacts): V1VolumeMount[] {
  const keys = { name: "signing-keys", mountPath: SIGNING_KEYS_FOLDER, readOnly: true };
  return [
    { name: "work", mountPath: WORK_ROOT },
    { name: "token", mountPath: TOKEN_FOLDER, readOnly: true },
    ...(work.kubernetes.secret === null ? [] : [keys]),
  ];
}

function volumesOf(facts: JobFacts, { volume }: ManifestConfig): V1Volume[] {
  const { work } = facts;
  const { pvc, secret } = work.kubernetes;
  const where: Omit<V1Volume, "name"> =
    volume.kind === "claim"
      ? { persistentVolumeClaim: { claimName: pvc } }
      : { emptyDir: { sizeLimit: quantity(work.diskBytes) } };
  const token = {
    secretName: tokenSecretName(facts),
    defaultMode: TOKEN_MODE,
    items: [{ key: TOKEN_FILE, path: TOKEN_FILE }],
  };
  const keys: V1Volume[] =
    secret === null
      ? []
      : [{ name: "signing-keys", secret: { secretName: secret, defaultMode: TOKEN_MODE, optional: true } }];
  return [{ name: "work", ...where }, { name: "token", secret: token }, ...keys];
}
