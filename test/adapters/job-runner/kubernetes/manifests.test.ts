import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ManifestConfig } from "../../../../adapters/job-runner/kubernetes/config.ts";
import {
  claimManifest,
  configMapManifest,
  signingKeysManifest,
  tokenManifest,
} from "../../../../adapters/job-runner/kubernetes/manifests/dependents.ts";
import type { JobFacts } from "../../../../adapters/job-runner/kubernetes/manifests/facts.ts";
import { jobManifest } from "../../../../adapters/job-runner/kubernetes/manifests/job.ts";
import { quantity } from "../../../../adapters/job-runner/kubernetes/manifests/quantity.ts";
import {
  destinationRuleManifest,
  serviceManifest,
} from "../../../../adapters/job-runner/kubernetes/manifests/shell.ts";
import { jobWork } from "../../../support/job-work.ts";
import { jobFacts, JOB_ID, manifestConfig, OWNER } from "../../../support/kubernetes-facts.ts";

const labels = {
  "app.kubernetes.io/name": "ims-job",
  "app.kubernetes.io/instance": "ims",
  "app.kubernetes.io/managed-by": "ims",
  "ims/job": JOB_ID,
  "ims/attempt": "1",
};
const metadata = (name: string) => ({
  name,
  namespace: "ims",
  labels,
  ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", ...OWNER, blockOwnerDeletion: true }],
});

const podOf = (facts: JobFacts, config: ManifestConfig = manifestConfig()) =>
  jobManifest(facts, config).spec?.template.spec;
const agentOf = (facts: JobFacts, config?: ManifestConfig) => podOf(facts, config)?.containers[0];

describe("the Job of a job", () => {
  it("is made suspended, fails at once and for good, and has an end whatever the service does", () => {
    const { apiVersion, kind, metadata, spec } = jobManifest(jobFacts(), manifestConfig());
    const { template, ...rest } = spec ?? { template: undefined };
    expect({ apiVersion, kind, metadata, rest }).toEqual({
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: {
        name: `cray-ims-${JOB_ID}-create`,
        namespace: "ims",
        labels,
        annotations: { "ims/memory-bytes": String(8 * 2 ** 30) },
      },
      rest: {
        suspend: true,
        completions: 1,
        parallelism: 1,
        backoffLimit: 0,
        podFailurePolicy: {
          rules: [
            { action: "FailJob", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
            { action: "FailJob", onExitCodes: { operator: "NotIn", values: [0] } },
          ],
        },
        activeDeadlineSeconds: 700_000,
        ttlSecondsAfterFinished: 86_400,
      },
    });
    expect(template?.metadata).toEqual({ labels });
  });

  it("runs the agent in one container, which finds token and work folder in volumes of its own", () => {
    expect(podOf(jobFacts())).toEqual({
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 5,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      nodeSelector: { "kubernetes.io/arch": "amd64" },
      tolerations: [
        { key: "kubernetes.io/arch", operator: "Equal", value: "amd64", effect: "NoSchedule" },
        {
          key: "node.kubernetes.io/not-ready",
          operator: "Exists",
          effect: "NoExecute",
          tolerationSeconds: 60,
        },
        {
          key: "node.kubernetes.io/unreachable",
          operator: "Exists",
          effect: "NoExecute",
          tolerationSeconds: 60,
        },
      ],
      containers: [
        {
          name: "agent",
          image: "localhost/ims-agent:1",
          imagePullPolicy: "IfNotPresent",
          envFrom: [{ configMapRef: { name: `cray-ims-${JOB_ID}-configmap` } }],
          resources: { requests: { cpu: "500m", memory: "8Gi" }, limits: { memory: "8Gi" } },
          securityContext: expect.anything(),
          terminationMessagePolicy: "FallbackToLogsOnError",
          volumeMounts: [
            { name: "work", mountPath: "/work" },
            { name: "token", mountPath: "/run/ims", readOnly: true },
          ],
        },
      ],
      volumes: [
        { name: "work", persistentVolumeClaim: { claimName: `cray-ims-${JOB_ID}-job-claim` } },
        {
          name: "token",
          secret: {
            secretName: `cray-ims-${JOB_ID}-token`,
            defaultMode: 0o400,
            items: [{ key: "token", path: "token" }],
          },
        },
      ],
    });
  });

  it("is root with the rights that building needs, and no others", () => {
    expect(agentOf(jobFacts())?.securityContext).toEqual({
      runAsUser: 0,
      privileged: false,
      allowPrivilegeEscalation: true,
      capabilities: {
        drop: ["ALL"],
        add: [
          "AUDIT_WRITE",
          "CHOWN",
          "DAC_OVERRIDE",
          "FOWNER",
          "FSETID",
          "KILL",
          "MKNOD",
          "SETFCAP",
          "SETGID",
          "SETPCAP",
          "SETUID",
          "SYS_ADMIN",
          "SYS_CHROOT",
          "SYS_PTRACE",
        ],
      },
      seccompProfile: { type: "RuntimeDefault" },
      appArmorProfile: { type: "Unconfined" },
    });
  });

  it("is privileged with require_dkms only, in the runtime class that is there for it (behaviour 161)", () => {
    const config = manifestConfig({ runtimeClasses: { dkms: "kata-qemu", aarch64: "kata-arm" } });
    const classOf = (more: Partial<JobFacts["work"]>) => podOf(jobFacts(more), config)?.runtimeClassName;
    expect(agentOf(jobFacts({ dkms: true }))?.securityContext).toEqual({ runAsUser: 0, privileged: true });
    expect(classOf({ dkms: true })).toBe("kata-qemu");
    expect(classOf({ dkms: false })).toBeUndefined();
    expect(classOf({ dkms: true, arch: "aarch64" })).toBe("kata-arm");
    expect(podOf(jobFacts({ dkms: true }))?.runtimeClassName).toBeUndefined();
  });

  it("goes to nodes of the image's architecture, also where those are kept for it", () => {
    const pod = podOf(jobFacts({ arch: "aarch64" }));
    expect(pod?.nodeSelector).toEqual({ "kubernetes.io/arch": "arm64" });
    expect(pod?.tolerations?.[0]).toMatchObject({ key: "kubernetes.io/arch", value: "arm64" });
  });

  it("gets as much memory as there is where jobs are not limited, and still asks for what it wants", () => {
    const { limits: _, ...facts } = jobFacts();
    expect(agentOf(facts)?.resources).toEqual({ requests: { cpu: "500m", memory: "8Gi" } });
    expect(jobManifest(facts, manifestConfig()).metadata?.annotations).toBeUndefined();
  });

  it("works in the node's own disk where no claims are wanted, no larger than it asked for", () => {
    const config = manifestConfig({ volume: { kind: "scratch" } });
    expect(podOf(jobFacts(), config)?.volumes?.[0]).toEqual({
      name: "work",
      emptyDir: { sizeLimit: "15Gi" },
    });
    expect(claimManifest(jobFacts(), config, OWNER)).toBeUndefined();
  });

  it("opens a port for the shell when it may open one", () => {
    expect(agentOf(jobFacts({ type: "customize" }))?.ports).toEqual([
      { name: "shell", containerPort: 2222, protocol: "TCP" },
    ]);
    expect(agentOf(jobFacts())?.ports).toBeUndefined();
  });

  it("starts another command and uses a service account when told so", () => {
    const config = manifestConfig({ command: ["node", "--version"], serviceAccount: "jobs" });
    expect(agentOf(jobFacts(), config)?.command).toEqual(["node", "--version"]);
    expect(podOf(jobFacts(), config)?.serviceAccountName).toBe("jobs");
  });
});

describe("what a Job owns", () => {
  it("is the agent's environment in a ConfigMap (behaviour 159)", () => {
    expect(configMapManifest(jobFacts(), manifestConfig(), OWNER)).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: metadata(`cray-ims-${JOB_ID}-configmap`),
      immutable: true,
      data: {
        NODE_EXTRA_CA_CERTS: "/ca.pem",
        IMS_CONFINEMENT: expect.stringContaining(
          '"limits":{"memoryBytes":8589934592,"diskBytes":16106127360}',
        ),
        IMS_JOB_ID: JOB_ID,
        IMS_SERVICE_URL: "http://ims.services:9101",
        IMS_WORK_FOLDER: `/work/${JOB_ID}`,
        IMS_TOKEN_FILE: "/run/ims/token",
        IMS_SHELL_PORT: "2222",
        IMS_TERMINATION_LOG: "/dev/termination-log",
      },
    });
  });

  it("is the token in a Secret, as the line that the agent reads", () => {
    expect(tokenManifest(jobFacts(), "abc", manifestConfig(), OWNER)).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: metadata(`cray-ims-${JOB_ID}-token`),
      type: "Opaque",
      immutable: true,
      stringData: { token: '{"token":"abc"}\n' },
    });
  });

  it("is a claim for the disk that it asked for, of the storage class that is configured (behaviour 160)", () => {
    const config = manifestConfig({ volume: { kind: "claim", storageClass: "fast" } });
    expect(claimManifest(jobFacts(), config, OWNER)).toEqual({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: metadata(`cray-ims-${JOB_ID}-job-claim`),
      spec: {
        accessModes: ["ReadWriteOnce"],
        storageClassName: "fast",
        resources: { requests: { storage: "15Gi" } },
      },
    });
    expect(claimManifest(jobFacts(), manifestConfig(), OWNER)?.spec).not.toHaveProperty("storageClassName");
  });

  it("is a Service for the shell at port 22, with the job's host name in its annotations", () => {
    const annotations = {
      "external-dns.alpha.kubernetes.io/hostname": "{host}",
      pool: "customer-management",
    };
    const config = manifestConfig({
      shell: { type: "LoadBalancer", annotations, domain: "cmn.shasta.local" },
    });
    expect(serviceManifest(jobFacts({ type: "customize" }), config, OWNER)).toEqual({
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        ...metadata(`cray-ims-${JOB_ID}-service`),
        annotations: {
          "external-dns.alpha.kubernetes.io/hostname": `${JOB_ID}.ims.cmn.shasta.local`,
          pool: "customer-management",
        },
      },
      spec: {
        type: "LoadBalancer",
        selector: { "ims/job": JOB_ID },
        ports: [{ name: "shell", port: 22, targetPort: "shell", protocol: "TCP" }],
      },
    });
    expect(serviceManifest(jobFacts(), config, OWNER)).toBeUndefined();
  });

  it("is Istio's leave for plain connections to the shell, where there is Istio (behaviour 165)", () => {
    const facts = jobFacts({ type: "customize" });
    expect(destinationRuleManifest(facts, manifestConfig({ istio: true }), OWNER)).toEqual({
      apiVersion: "networking.istio.io/v1beta1",
      kind: "DestinationRule",
      metadata: metadata(`cray-ims-${JOB_ID}-service`),
      spec: {
        host: `cray-ims-${JOB_ID}-service.ims.svc.cluster.local`,
        trafficPolicy: { tls: { mode: "DISABLE" } },
      },
    });
    expect(destinationRuleManifest(facts, manifestConfig(), OWNER)).toBeUndefined();
    expect(destinationRuleManifest(jobFacts(), manifestConfig({ istio: true }), OWNER)).toBeUndefined();
  });

  it("is a copy of the signing keys, mounted where the builder looks for them, for jobs that have one", () => {
    const facts = jobFacts();
    const name = `cray-ims-${JOB_ID}-signing-keys`;
    const signing = jobFacts({ kubernetes: { ...facts.work.kubernetes, secret: name } });
    expect(signingKeysManifest(signing, { "key.asc": "a2V5" }, manifestConfig(), OWNER)).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: metadata(name),
      type: "Opaque",
      immutable: true,
      data: { "key.asc": "a2V5" },
    });
    expect(signingKeysManifest(facts, { "key.asc": "a2V5" }, manifestConfig(), OWNER)).toBeUndefined();
    expect(configMapManifest(signing, manifestConfig(), OWNER).data).toMatchObject({
      IMS_SIGNING_KEYS: "/signing-keys",
    });
    expect(podOf(signing)?.volumes?.at(-1)).toMatchObject({
      secret: { secretName: name, defaultMode: 0o400, optional: true },
    });
    expect(agentOf(signing)?.volumeMounts?.at(-1)).toMatchObject({
      mountPath: "/signing-keys",
      readOnly: true,
    });
  });
});

const anyFacts: fc.Arbitrary<JobFacts> = fc
  .record({
    jobId: fc.uuid(),
    attempt: fc.integer({ min: 1, max: 9 }),
    type: fc.constantFrom("create" as const, "customize" as const),
    arch: fc.constantFrom("x86_64" as const, "aarch64" as const),
    dkms: fc.boolean(),
    shell: fc.boolean(),
    gib: fc.integer({ min: 1, max: 100_000 }),
    limited: fc.boolean(),
  })
  .map(({ attempt, gib, jobId, limited, ...more }) => {
    const bytes = gib * 2 ** 30;
    const work = jobWork(jobId, { ...more, diskBytes: bytes, memoryBytes: bytes });
    return { jobId, attempt, work, ...(limited ? { limits: { diskBytes: bytes, memoryBytes: bytes } } : {}) };
  });

function dependentsOf(facts: JobFacts, config: ManifestConfig, token: string) {
  const all = [
    configMapManifest(facts, config, OWNER),
    tokenManifest(facts, token, config, OWNER),
    claimManifest(facts, config, OWNER),
    serviceManifest(facts, config, OWNER),
    destinationRuleManifest(facts, config, OWNER),
  ];
  return all.filter((manifest) => manifest !== undefined);
}

describe("manifests of any job", () => {
  const config = manifestConfig({ istio: true });

  it("have the token in the Secret alone", () => {
    fc.assert(
      fc.property(anyFacts, fc.stringMatching(/^[A-Za-z0-9_-]{40}$/u), (facts, token) => {
        const manifests = [jobManifest(facts, config), ...dependentsOf(facts, config, token)];
        const withToken = manifests.filter((manifest) => JSON.stringify(manifest).includes(token));
        expect(withToken.map(({ kind }) => kind)).toEqual(["Secret"]);
      }),
    );
  });

  it("go with their Job, carry its job and attempt, and have names that Kubernetes takes", () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        for (const { metadata: meta } of dependentsOf(facts, config, "t")) {
          expect(meta?.ownerReferences?.map(({ uid }) => uid)).toEqual([OWNER.uid]);
          expect(meta?.labels).toMatchObject({
            "ims/job": facts.jobId,
            "ims/attempt": String(facts.attempt),
          });
          expect(meta?.name).toMatch(/^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/u);
        }
        expect(jobManifest(facts, config).metadata?.name).toMatch(/^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/u);
      }),
    );
  });

  it("write sizes so that they mean the same bytes", () => {
    const units: Record<string, number> = { Gi: 2 ** 30, Mi: 2 ** 20, Ki: 2 ** 10, "": 1 };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (bytes) => {
        const [, number, unit = ""] = /^(\d+)(Gi|Mi|Ki)?$/u.exec(quantity(bytes)) ?? [];
        expect(Number(number) * (units[unit] ?? Number.NaN)).toBe(bytes);
      }),
    );
    expect([quantity(2 ** 30), quantity(3 * 2 ** 20), quantity(2048), quantity(1000)]).toEqual([
      "1Gi",
      "3Mi",
      "2Ki",
      "1000",
    ]);
  });
});
