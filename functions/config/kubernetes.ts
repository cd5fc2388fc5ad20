import * as v from "valibot";
import { text, wholeNumber, words } from "./values.ts";

/** Jobs as pods of a cluster. */
export interface KubernetesConfig {
  /** Files as in KUBECONFIG; absent: the pod's own cluster, or the user's usual file. */
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  readonly instance: string;
  readonly image: string;
  readonly serviceAccount: string | undefined;
  readonly runtimeClasses: { readonly dkms?: string; readonly aarch64?: string };
  readonly cpu: string;
  readonly volume: { readonly kind: "claim"; readonly storageClass?: string } | { readonly kind: "scratch" };
  readonly shell: {
    readonly type: "LoadBalancer" | "NodePort" | "ClusterIP";
    readonly annotations: Readonly<Record<string, string>>;
    readonly domain: string;
  };
  readonly istio: boolean;
  readonly startSeconds: number;
  /** File of patches. */
  readonly patches: string | undefined;
  readonly signingKeys: { readonly namespace: string; readonly name: string } | undefined;
}

const name = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/u, "is no name that Kubernetes takes"),
);
const instance = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/u, "is no value of a label"),
);
const share = v.pipe(
  v.string(),
  v.regex(/^\d+(?:\.\d+|m)?$/u, "is no share of a processor such as 500m or 2"),
);
const reference = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9-]+\/[a-z0-9.-]+$/u, "is not namespace/name"),
  v.transform((both) => {
    const [namespace = "", secret = ""] = both.split("/");
    return { namespace, name: secret };
  }),
);
/** `name=value` separated by commas; a name has no `=`, a value no comma. */
const annotations = v.pipe(
  v.string(),
  v.transform((list) => list.split(",").flatMap((entry) => (entry.trim() === "" ? [] : [entry.trim()]))),
  v.everyItem((entry) => /^[\w./-]+=/u.test(entry), "is no list such as example.com/pool=internal"),
  v.transform((entries) =>
    Object.fromEntries(
      entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
    ),
  ),
);

export const KUBERNETES_VARIABLES = {
  KUBECONFIG: v.optional(
    v.pipe(
      v.string(),
      v.transform((files) => (files === "" ? undefined : files)),
    ),
  ),
  IMS_AGENT_IMAGE: v.optional(text),
  IMS_KUBERNETES_INSTANCE: v.optional(instance, "ims"),
  IMS_KUBERNETES_SERVICE_ACCOUNT: v.optional(name),
  IMS_KUBERNETES_CPU: v.optional(share, "500m"),
  IMS_KUBERNETES_VOLUME: v.optional(words(["claim", "scratch"]), "claim"),
  IMS_KUBERNETES_STORAGE_CLASS: v.optional(name),
  IMS_KUBERNETES_SHELL_SERVICE: v.optional(words(["LoadBalancer", "NodePort", "ClusterIP"])),
  IMS_KUBERNETES_SHELL_ANNOTATIONS: v.optional(annotations),
  IMS_KUBERNETES_ISTIO: v.optional(words(["on", "off"]), "off"),
  IMS_KUBERNETES_START_SECONDS: v.optional(wholeNumber(10, 86_400), "900"),
  IMS_KUBERNETES_PATCHES: v.optional(text),
  IMS_KUBERNETES_SIGNING_KEYS: v.optional(reference),
  JOB_KATA_RUNTIME: v.optional(name),
  JOB_AARCH64_RUNTIME: v.optional(name),
  JOB_CUSTOMER_ACCESS_NETWORK_ACCESS_POOL: v.optional(text),
};
const Variables = v.object(KUBERNETES_VARIABLES);
type Variables = v.InferOutput<typeof Variables>;

/** What a checked environment says of the cluster; `namespace` and `domain` are in the records of all jobs. */
export function readKubernetes(
  env: Variables,
  { namespace, domain }: { readonly namespace: string; readonly domain: string },
): KubernetesConfig {
  const { IMS_KUBERNETES_STORAGE_CLASS: storageClass } = env;
  return {
    kubeconfig: env.KUBECONFIG,
    namespace,
    instance: env.IMS_KUBERNETES_INSTANCE,
    image: env.IMS_AGENT_IMAGE ?? "",
    serviceAccount: env.IMS_KUBERNETES_SERVICE_ACCOUNT,
    runtimeClasses: {
      ...(env.JOB_KATA_RUNTIME === undefined ? {} : { dkms: env.JOB_KATA_RUNTIME }),
      ...(env.JOB_AARCH64_RUNTIME === undefined ? {} : { aarch64: env.JOB_AARCH64_RUNTIME }),
    },
    cpu: env.IMS_KUBERNETES_CPU,
    volume:
      env.IMS_KUBERNETES_VOLUME === "scratch"
        ? { kind: "scratch" }
        : { kind: "claim", ...(storageClass === undefined ? {} : { storageClass }) },
    shell: { ...shellOf(env), domain },
    istio: env.IMS_KUBERNETES_ISTIO === "on",
    startSeconds: env.IMS_KUBERNETES_START_SECONDS,
    patches: env.IMS_KUBERNETES_PATCHES,
    signingKeys: env.IMS_KUBERNETES_SIGNING_KEYS,
  };
}

/** A pool of addresses means that shells have one each, as in the original, announced by MetalLB and external-dns. */
function shellOf(env: Variables): Pick<KubernetesConfig["shell"], "type" | "annotations"> {
  const pool = env.JOB_CUSTOMER_ACCESS_NETWORK_ACCESS_POOL;
  const usual: Record<string, string> =
    pool === undefined
      ? {}
      : {
          "metallb.universe.tf/address-pool": pool,
          "external-dns.alpha.kubernetes.io/hostname": "{host}",
        };
  return {
    type: env.IMS_KUBERNETES_SHELL_SERVICE ?? (pool === undefined ? "ClusterIP" : "LoadBalancer"),
    annotations: env.IMS_KUBERNETES_SHELL_ANNOTATIONS ?? usual,
  };
}

/** Variables as they came, right or wrong. */
type Given = Readonly<Record<string, string | undefined>>;

/** What no single variable can show, for a service that runs jobs in a cluster. */
export function kubernetesContradictions(given: Given): string[] {
  const problems: string[] = [];
  if (given["IMS_AGENT_IMAGE"] === undefined)
    problems.push(
      "IMS_AGENT_IMAGE is needed with IMS_JOBS=kubernetes: the image of the agent, with a fixed tag",
    );
  if (given["IMS_AGENT_URL"] === undefined)
    problems.push("IMS_AGENT_URL is needed with IMS_JOBS=kubernetes: where pods reach the service");
  if (given["IMS_KUBERNETES_VOLUME"] === "scratch" && given["IMS_KUBERNETES_STORAGE_CLASS"] !== undefined)
    problems.push("IMS_KUBERNETES_STORAGE_CLASS has no meaning with IMS_KUBERNETES_VOLUME=scratch");
  return problems;
}
