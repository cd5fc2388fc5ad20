import type { V1PodSpec, V1Toleration } from "@kubernetes/client-node";
import type { ManifestConfig } from "../config.ts";
import type { JobFacts } from "./facts.ts";

const ARCH_LABEL = "kubernetes.io/arch";
const NODE_ARCH = { x86_64: "amd64", aarch64: "arm64" } as const;
/** An agent that is not heard has lost its job long before; the pod need not wait five minutes for its node. */
const LOST_NODE_SECONDS = 60;

type Scheduling = Pick<V1PodSpec, "nodeSelector" | "tolerations" | "runtimeClassName">;

/** On which nodes a pod may run, and by what. Images are built on their own architecture. */
export function schedulingOf({ work }: JobFacts, { runtimeClasses }: ManifestConfig): Scheduling {
  const arch = NODE_ARCH[work.arch];
  const runtimeClass = runtimeClassOf(work, runtimeClasses);
  return {
    nodeSelector: { [ARCH_LABEL]: arch },
    tolerations: [
      // Clusters of several architectures keep pods from nodes that their images are not for.
      { key: ARCH_LABEL, operator: "Equal", value: arch, effect: "NoSchedule" },
      lost("not-ready"),
      lost("unreachable"),
    ],
    ...(runtimeClass === undefined ? {} : { runtimeClassName: runtimeClass }),
  };
}

function lost(taint: string): V1Toleration {
  const key = `node.kubernetes.io/${taint}`;
  return { key, operator: "Exists", effect: "NoExecute", tolerationSeconds: LOST_NODE_SECONDS };
}

/** Behaviour 161. */
function runtimeClassOf(
  { arch, dkms }: JobFacts["work"],
  classes: ManifestConfig["runtimeClasses"],
): string | undefined {
  if (arch === "aarch64" && classes.aarch64 !== undefined) return classes.aarch64;
  return dkms ? classes.dkms : undefined;
}
