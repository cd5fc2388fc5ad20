import * as v from "valibot";
import { DomainError, isDomainError } from "../../../core/errors.ts";
import type { JobWork, LaunchOrder } from "../../../core/ports/job-runner.ts";
import type { ApiServer } from "./api/api-server.ts";
import { type Cluster, createCluster, type Kind, KINDS } from "./api/cluster.ts";
import type { KubernetesRunnerConfig } from "./config.ts";
import { claimManifest, configMapManifest, tokenManifest } from "./manifests/dependents.ts";
import { jobManifest } from "./manifests/job.ts";
import { destinationRuleManifest, serviceManifest } from "./manifests/shell.ts";
import { patched } from "./patches/patches.ts";

/** Something that jobs need of the cluster, and that is not there. */
export interface Lack {
  readonly what: string;
  /** What to do about it. */
  readonly hint: string;
}

/** What the service asks of the API. The Role in infra/kubernetes grants this and nothing else. */
export function neededRights({ istio }: Pick<KubernetesRunnerConfig, "istio">): readonly Right[] {
  const made: readonly Kind[] = ["configmaps", "secrets", "services", "persistentvolumeclaims"];
  const rules: readonly Kind[] = istio ? ["destinationrules"] : [];
  return [
    ...rights("jobs", ["create", "get", "list", "watch", "patch", "delete"]),
    ...[...made, ...rules].flatMap((kind) => rights(kind, ["create", "get", "list", "delete"])),
    ...rights("pods", ["create", "list", "watch", "delete"]),
    ...rights("events", ["list"]),
  ];
}

export interface Right {
  readonly verb: string;
  readonly kind: Kind;
}

const rights = (kind: Kind, verbs: readonly string[]): Right[] => verbs.map((verb) => ({ verb, kind }));

/**
 * Whether jobs can be made as they are configured, found out without making one: the server is asked for the rights, and
 * does everything with each manifest but keep it. It does not find out whether there is room or whether nodes can fetch
 * the image.
 */
export async function preflight(server: ApiServer, config: KubernetesRunnerConfig): Promise<readonly Lack[]> {
  const cluster = createCluster(server, config.namespace);
  try {
    const missing = await missingRights(server, config);
    if (missing.length > 0) return missing;
    return [
      ...(await storageLack(server, config)),
      ...(await signingLack(cluster, config)),
      ...(await dryRuns(cluster, config)),
    ];
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return [
      { what: error.message, hint: "Check KUBECONFIG, and that the API server can be reached from here." },
    ];
  }
}

const ASK_MILLISECONDS = 10_000;
const Review = v.object({ status: v.object({ allowed: v.boolean() }) });

async function missingRights(server: ApiServer, config: KubernetesRunnerConfig): Promise<readonly Lack[]> {
  const { namespace } = config;
  const needed = neededRights(config);
  const answers = await Promise.all(needed.map((right) => isAllowed(server, namespace, right)));
  const missing = needed.filter((_, index) => answers[index] === false);
  return missing.map(({ kind, verb }) => ({
    what: `The service may not ${verb} ${kind} in the namespace ${namespace}.`,
    hint: "Give its account the Role of infra/kubernetes/role.yaml in that namespace.",
  }));
}

async function isAllowed(server: ApiServer, namespace: string, { kind, verb }: Right): Promise<boolean> {
  const [, , group = ""] = KINDS[kind].startsWith("/apis/") ? KINDS[kind].split("/") : [];
  const attributes = { namespace, verb, group, resource: kind };
  const body = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes: attributes },
  };
  const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  const review = await askOnce(server, { method: "POST", path, body });
  return v.is(Review, review.body) ? v.parse(Review, review.body).status.allowed : true;
}

async function askOnce(
  server: ApiServer,
  request: { readonly method: "GET" | "POST"; readonly path: string; readonly body?: unknown },
): Promise<{ readonly status: number; readonly body: unknown }> {
  try {
    const answer = await server.send({ ...request, signal: AbortSignal.timeout(ASK_MILLISECONDS) });
    const text = v.safeParse(v.pipe(v.string(), v.parseJson()), await answer.text());
    return { status: answer.status, body: text.success ? text.output : undefined };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DomainError("unavailable", `Kubernetes does not answer: ${why}.`, { cause });
  }
}

/** A claim of a class that is not there is taken, and waits for ever. Who may not look learns it from the first job. */
async function storageLack(server: ApiServer, { volume }: KubernetesRunnerConfig): Promise<readonly Lack[]> {
  if (volume.kind !== "claim") return [];
  const path = "/apis/storage.k8s.io/v1/storageclasses";
  if (volume.storageClass !== undefined) {
    const { status } = await askOnce(server, { method: "GET", path: `${path}/${volume.storageClass}` });
    if (status !== 404) return [];
    return [
      {
        what: `The cluster has no storage class ${volume.storageClass}.`,
        hint: "Set IMS_KUBERNETES_STORAGE_CLASS to one of `kubectl get storageclass`, or IMS_KUBERNETES_VOLUME=scratch.",
      },
    ];
  }
  const { body, status } = await askOnce(server, { method: "GET", path });
  if (status !== 200 || !v.is(Classes, body) || v.parse(Classes, body).items.some(isDefault)) return [];
  return [
    {
      what: "The cluster has no default storage class.",
      hint: "Name one by IMS_KUBERNETES_STORAGE_CLASS, or set IMS_KUBERNETES_VOLUME=scratch.",
    },
  ];
}

async function signingLack(
  cluster: Cluster,
  { signingKeys }: KubernetesRunnerConfig,
): Promise<readonly Lack[]> {
  if (signingKeys === undefined) return [];
  const { name, namespace } = signingKeys;
  try {
    if ((await cluster.read("secrets", name, namespace)) !== undefined) return [];
    return [
      {
        what: `There is no Secret ${name} in the namespace ${namespace}.`,
        hint: "Make it, or change IMS_KUBERNETES_SIGNING_KEYS. Until then jobs run without signing keys.",
      },
    ];
  } catch (error) {
    if (!isDomainError(error)) throw error;
    const hint = `Let the service's account get this one Secret: a Role in the namespace ${namespace}.`;
    return [{ what: `The signing keys cannot be read. ${error.message}`, hint }];
  }
}

const Class = v.object({
  metadata: v.object({ annotations: v.optional(v.record(v.string(), v.string()), {}) }),
});
const Classes = v.object({ items: v.array(Class) });
const isDefault = ({ metadata }: v.InferOutput<typeof Class>): boolean =>
  metadata.annotations["storageclass.kubernetes.io/is-default-class"] === "true";

/** A job's id that no job has: nothing of it is kept. */
const SAMPLE = "00000000-0000-4000-8000-000000000000";

/** One of each that jobs may be. */
export function sampleOrders(
  config: Pick<KubernetesRunnerConfig, "namespace" | "runtimeClasses">,
): readonly LaunchOrder[] {
  const archs =
    config.runtimeClasses.aarch64 === undefined
      ? ["x86_64" as const]
      : ["x86_64" as const, "aarch64" as const];
  return archs.flatMap((arch) =>
    [false, true].map((dkms) =>
      sampleOrder(config.namespace, SAMPLE, { arch, dkms, type: "customize", shell: true }),
    ),
  );
}

const GIB = 2 ** 30;

export function sampleOrder(
  namespace: string,
  jobId: string,
  work: Pick<JobWork, "arch" | "dkms" | "shell" | "type">,
): LaunchOrder {
  const sizes = { memoryBytes: GIB, diskBytes: GIB };
  const name = `cray-ims-${jobId}`;
  return {
    jobId,
    attempt: 1,
    token: "none",
    limits: sizes,
    work: {
      ...work,
      ...sizes,
      kubernetes: {
        namespace,
        job: `${name}-${work.type}`,
        service: `${name}-service`,
        configmap: `${name}-configmap`,
        pvc: `${name}-job-claim`,
        secret: null,
      },
    },
  };
}

/** @throws `invalid` where a patch cannot be applied to what jobs are made of */
export function sampleManifests(
  config: KubernetesRunnerConfig,
): readonly { readonly kind: Kind; readonly manifest: unknown }[] {
  return sampleOrders(config).flatMap((order) => {
    const owner = { name: order.work.kubernetes.job, uid: SAMPLE };
    const job = patched(jobManifest(order, config), config.patches);
    const all: readonly { readonly kind: Kind; readonly manifest: { readonly kind?: string } | undefined }[] =
      [
        { kind: "jobs", manifest: jobManifest(order, config) },
        { kind: "configmaps", manifest: configMapManifest(order, config, owner) },
        { kind: "secrets", manifest: tokenManifest(order, order.token, config, owner) },
        { kind: "persistentvolumeclaims", manifest: claimManifest(order, config, owner) },
        { kind: "services", manifest: serviceManifest(order, config, owner) },
        { kind: "destinationrules", manifest: destinationRuleManifest(order, config, owner) },
      ];
    const made = all.flatMap(({ kind, manifest }) =>
      manifest === undefined ? [] : [{ kind, manifest: patched(manifest, config.patches) }],
    );
    // The Job is taken whatever is wrong with its pod.
    return [...made, { kind: "pods", manifest: podOf(job) }];
  });
}

const WithTemplate = v.object({
  spec: v.object({ template: v.object({ metadata: v.looseObject({}), spec: v.unknown() }) }),
});

function podOf(job: unknown): unknown {
  const { metadata, spec } = v.parse(WithTemplate, job).spec.template;
  return { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, generateName: "ims-preflight-" }, spec };
}

async function dryRuns(cluster: Cluster, config: KubernetesRunnerConfig): Promise<readonly Lack[]> {
  const lacks = new Map<string, Lack>();
  for (const { kind, manifest } of sampleManifests(config))
    try {
      await cluster.create(kind, manifest, { dryRun: true });
    } catch (error) {
      if (!isDomainError(error)) throw error;
      const hint = hintFor(error.message, config);
      if (!lacks.has(hint)) lacks.set(hint, { what: `No ${kind} can be made. ${error.message}`, hint });
    }
  return [...lacks.values()];
}

/** The server's words name the thing; this says where it is set. */
function hintFor(message: string, { namespace }: KubernetesRunnerConfig): string {
  if (/namespaces? .*not found/iu.test(message))
    return `Make the namespace (kubectl create namespace ${namespace}), or name another: DEFAULT_IMS_JOB_NAMESPACE.`;
  if (/RuntimeClass/iu.test(message))
    return "Install the runtime class, or change JOB_KATA_RUNTIME and JOB_AARCH64_RUNTIME.";
  if (/serviceaccount/iu.test(message))
    return "Make the service account, or change IMS_KUBERNETES_SERVICE_ACCOUNT.";
  if (/PodSecurity/u.test(message))
    return `Building needs root with the right to mount: label the namespace ${namespace} with pod-security.kubernetes.io/enforce=privileged.`;
  if (/quota/iu.test(message)) return "Raise the namespace's ResourceQuota.";
  if (/could not find the requested resource|404 page not found/iu.test(message))
    return "The cluster lacks this kind of object. Without Istio, leave IMS_KUBERNETES_ISTIO off.";
  return "Mend what the server says. Where it comes from your patches, see IMS_KUBERNETES_PATCHES.";
}
