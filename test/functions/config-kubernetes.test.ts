import { describe, expect, it } from "vitest";
import { readConfig } from "../../functions/config.ts";

const NEEDED = {
  IMS_JOBS: "kubernetes",
  IMS_AGENT_IMAGE: "registry.example.com/ims-agent:1",
  IMS_AGENT_URL: "http://ims.example.com:9101",
};
const read = (more: Record<string, string> = {}) => readConfig({ ...NEEDED, ...more }, "x64");

describe("the configuration of jobs on Kubernetes", () => {
  it("needs the agent's image and the address at which pods reach the service, and no more", () => {
    expect(read()).toMatchObject({
      jobs: ["kubernetes"],
      kubernetes: {
        kubeconfig: undefined,
        namespace: "ims",
        instance: "ims",
        image: "registry.example.com/ims-agent:1",
        runtimeClasses: {},
        cpu: "500m",
        volume: { kind: "claim" },
        shell: { type: "ClusterIP", annotations: {}, domain: "cmn.shasta.local" },
        istio: false,
        startSeconds: 900,
      },
    });
    for (const name of ["IMS_AGENT_IMAGE", "IMS_AGENT_URL"])
      expect(() => readConfig({ ...NEEDED, [name]: undefined }, "x64")).toThrow(
        `${name} is needed with IMS_JOBS=kubernetes`,
      );
    expect(readConfig({}, "x64").jobs).toEqual(["local"]);
  });

  it("takes the original's names where they mean the same", () => {
    const { kubernetes } = read({
      DEFAULT_IMS_JOB_NAMESPACE: "jobs",
      JOB_KATA_RUNTIME: "kata-qemu",
      JOB_AARCH64_RUNTIME: "kata-arm",
      JOB_CUSTOMER_ACCESS_NETWORK_ACCESS_POOL: "customer-management",
      JOB_CUSTOMER_ACCESS_SUBNET_NAME: "can",
      JOB_CUSTOMER_ACCESS_NETWORK_DOMAIN: "example.com",
    });
    expect(kubernetes).toMatchObject({
      namespace: "jobs",
      runtimeClasses: { dkms: "kata-qemu", aarch64: "kata-arm" },
      shell: {
        type: "LoadBalancer",
        domain: "can.example.com",
        annotations: {
          "metallb.universe.tf/address-pool": "customer-management",
          "external-dns.alpha.kubernetes.io/hostname": "{host}",
        },
      },
    });
  });

  it("says how shells are reached, where jobs work, and what else is there", () => {
    const { kubernetes } = read({
      KUBECONFIG: "/a:/b",
      IMS_KUBERNETES_SHELL_SERVICE: "NodePort",
      IMS_KUBERNETES_SHELL_ANNOTATIONS: "example.com/pool=internal, example.com/name={host}=x",
      IMS_KUBERNETES_STORAGE_CLASS: "fast",
      IMS_KUBERNETES_SIGNING_KEYS: "services/hpe-signing-key",
      IMS_KUBERNETES_ISTIO: "on",
      IMS_KUBERNETES_CPU: "2",
      IMS_KUBERNETES_INSTANCE: "ims-2",
      IMS_KUBERNETES_SERVICE_ACCOUNT: "jobs",
      IMS_KUBERNETES_START_SECONDS: "60",
      IMS_KUBERNETES_PATCHES: "/etc/ims/patches.yaml",
    });
    expect(kubernetes).toMatchObject({
      kubeconfig: "/a:/b",
      instance: "ims-2",
      serviceAccount: "jobs",
      cpu: "2",
      volume: { kind: "claim", storageClass: "fast" },
      shell: {
        type: "NodePort",
        annotations: { "example.com/pool": "internal", "example.com/name": "{host}=x" },
      },
      istio: true,
      startSeconds: 60,
      patches: "/etc/ims/patches.yaml",
      signingKeys: { namespace: "services", name: "hpe-signing-key" },
    });
    expect(read({ IMS_KUBERNETES_VOLUME: "scratch" }).kubernetes.volume).toEqual({ kind: "scratch" });
  });

  it("names everything that cannot be", () => {
    for (const [name, value, why] of [
      ["IMS_KUBERNETES_CPU", "much", "is no share of a processor"],
      ["IMS_KUBERNETES_INSTANCE", "a b", "is no value of a label"],
      ["IMS_KUBERNETES_STORAGE_CLASS", "Fast", "is no name that Kubernetes takes"],
      ["IMS_KUBERNETES_SIGNING_KEYS", "key", "is not namespace/name"],
      ["IMS_KUBERNETES_SHELL_ANNOTATIONS", "pool", "is no list such as"],
      ["IMS_KUBERNETES_SHELL_SERVICE", "Ingress", "is none of LoadBalancer"],
      ["IMS_KUBERNETES_START_SECONDS", "1", "is less than 10"],
    ] as const)
      expect(() => read({ [name]: value })).toThrow(new RegExp(`${name}.* ${why}`, "u"));
    expect(() => read({ IMS_KUBERNETES_VOLUME: "scratch", IMS_KUBERNETES_STORAGE_CLASS: "fast" })).toThrow(
      "IMS_KUBERNETES_STORAGE_CLASS has no meaning",
    );
  });
});
