import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jobManifest } from "../../../../adapters/job-runner/kubernetes/manifests/job.ts";
import { serviceManifest } from "../../../../adapters/job-runner/kubernetes/manifests/shell.ts";
import {
  NO_PATCHES,
  patched,
  readPatches,
} from "../../../../adapters/job-runner/kubernetes/patches/patches.ts";
import { jobFacts, manifestConfig, OWNER } from "../../../support/kubernetes-facts.ts";
import type { Json } from "../../../support/json.ts";

const job = jobManifest(jobFacts({ type: "customize" }), manifestConfig());
const service = serviceManifest(jobFacts({ type: "customize" }), manifestConfig(), OWNER);
const apply = (text: string, manifest: object = job): Json => patched(manifest, readPatches(text));
const agentOf = (manifest: Json) => manifest.spec.template.spec.containers[0];
const refused = (text: string): string => {
  try {
    apply(text);
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
  return "taken";
};

describe("a strategic merge patch", () => {
  it("merges objects, and lists of named things by their names", () => {
    const result = apply(`
Job:
  spec:
    ttlSecondsAfterFinished: 60
    template:
      spec:
        priorityClassName: low
        containers:
          - name: agent
            env: [{ name: HTTP_PROXY, value: "http://proxy:3128" }]
            resources: { limits: { cpu: "4" } }
            volumeMounts: [{ mountPath: /cache, name: cache }]
          - { name: sidecar, image: "sidecar:1" }
        volumes:
          - { name: cache, hostPath: { path: /var/cache/ims } }
`);
    const { containers, priorityClassName, volumes } = result.spec.template.spec;
    expect([result.spec.ttlSecondsAfterFinished, priorityClassName]).toEqual([60, "low"]);
    expect(containers).toHaveLength(2);
    expect(agentOf(result)).toMatchObject({
      image: "localhost/ims-agent:1",
      env: [{ name: "HTTP_PROXY", value: "http://proxy:3128" }],
      resources: { requests: { memory: "8Gi" }, limits: { memory: "8Gi", cpu: "4" } },
    });
    expect(agentOf(result).volumeMounts.map(({ name }: Json) => name)).toEqual(["work", "token", "cache"]);
    expect(volumes.map(({ name }: Json) => name)).toEqual(["work", "token", "cache"]);
  });

  it("replaces other lists as a whole, and takes away what is null or marked as deleted", () => {
    const result = apply(`
Job:
  spec:
    podFailurePolicy: null
    template:
      spec:
        tolerations: [{ operator: Exists }]
        volumes: [{ name: token, $patch: delete }]
        nodeSelector: { $patch: replace, disk: ssd }
`);
    expect(result.spec).not.toHaveProperty("podFailurePolicy");
    expect(result.spec.template.spec.tolerations).toEqual([{ operator: "Exists" }]);
    expect(result.spec.template.spec.nodeSelector).toEqual({ disk: "ssd" });
    expect(result.spec.template.spec.volumes.map(({ name }: Json) => name)).toEqual(["work"]);
  });

  it("knows the ports of a Service by their numbers, and touches one kind only", () => {
    const text =
      "Service: { spec: { ports: [{ port: 22, nodePort: 30022 }], externalTrafficPolicy: Local } }";
    expect(apply(text, service).spec).toMatchObject({
      externalTrafficPolicy: "Local",
      ports: [{ name: "shell", port: 22, targetPort: "shell", nodePort: 30_022 }],
    });
    expect(apply(text)).toEqual(JSON.parse(JSON.stringify(job)));
  });

  it("is refused where it cannot be understood", () => {
    expect(refused("Job: { spec: { $retainKeys: [a] } }")).toContain("$retainKeys is not known");
    expect(refused("Job: { spec: { $patch: shuffle } }")).toContain('$patch: "shuffle" is not known');
    expect(refused("Job: { spec: { template: { spec: { volumes: [{}] } } } }")).toContain("no name");
  });
});

describe("a list of operations", () => {
  it("adds, replaces, removes, moves, copies and tests", () => {
    const result = apply(`
Job:
  - { op: test, path: /spec/ttlSecondsAfterFinished, value: 86400 }
  - { op: replace, path: /spec/ttlSecondsAfterFinished, value: 5 }
  - { op: add, path: /spec/template/spec/tolerations/-, value: { key: gpu } }
  - { op: add, path: /spec/template/spec/tolerations/0, value: { key: first } }
  - { op: remove, path: /spec/template/spec/tolerations/1 }
  - { op: add, path: /metadata/annotations/example.com~1team, value: storage }
  - { op: copy, from: /metadata/annotations/example.com~1team, path: /metadata/annotations/again }
  - { op: move, from: /spec/template/spec/enableServiceLinks, path: /spec/template/spec/hostPID }
`);
    const pod = result.spec.template.spec;
    expect(result.spec.ttlSecondsAfterFinished).toBe(5);
    expect(pod.tolerations.map(({ key }: Json) => key)).toEqual([
      "first",
      "node.kubernetes.io/not-ready",
      "node.kubernetes.io/unreachable",
      "gpu",
    ]);
    expect(result.metadata.annotations).toMatchObject({ "example.com/team": "storage", again: "storage" });
    expect([pod.hostPID, pod.enableServiceLinks]).toEqual([false, undefined]);
  });

  it("is refused as a whole when one of them cannot be carried out, naming where", () => {
    for (const [operation, where] of [
      ["{ op: remove, path: /spec/nothing }", "/spec/nothing is not there"],
      ["{ op: replace, path: /spec/template/spec/volumes/9, value: 1 }", "/volumes/9 is not there"],
      ["{ op: add, path: /spec/suspend/x, value: 1 }", "/spec/suspend/x is not there"],
      ["{ op: add, path: /spec/template/spec/volumes/7, value: 1 }", "/volumes/7 is not there"],
      ["{ op: test, path: /spec/backoffLimit, value: 6 }", "/spec/backoffLimit has another value"],
    ] as const)
      expect(refused(`Job: [${operation}]`)).toContain(where);
  });

  it("brings back what it took away", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z~/]{1,8}$/u), fc.jsonValue(), (name, value) => {
        const path = `/metadata/${name.replaceAll("~", "~0").replaceAll("/", "~1")}x`;
        const there = patched(job, readPatches(JSON.stringify({ Job: [{ op: "add", path, value }] })));
        expect(patched(there, readPatches(JSON.stringify({ Job: [{ op: "remove", path }] })))).toEqual(
          patched(job, NO_PATCHES),
        );
      }),
    );
  });
});

describe("patches", () => {
  it("change nothing where there are none", () => {
    expect(patched(job, NO_PATCHES)).toEqual(JSON.parse(JSON.stringify(job)));
    expect(readPatches("")).toEqual({});
  });

  it("leave alone what the service finds its objects by", () => {
    for (const [text, what] of [
      ["Job: { metadata: { name: mine } }", "metadata.name must stay"],
      ["Job: { metadata: { labels: { ims/job: x } } }", "ims/job must stay"],
      ["Job: { spec: { suspend: false } }", "spec.suspend must stay"],
      ["Job: { spec: { backoffLimit: 3 } }", "spec.backoffLimit must stay"],
      ["Job: { spec: { template: { metadata: { labels: null } } } }", "must stay"],
      ["Job: [{ op: replace, path: /kind, value: Pod }]", "kind must stay"],
    ] as const)
      expect(refused(text)).toContain(what);
  });

  it("are refused where they name another kind, are no YAML, or no patch", () => {
    expect(refused("Secret: { data: {} }")).toContain("Secret");
    expect(refused("Job: [")).toContain("no YAML");
    expect(refused("Job: 5")).toContain("cannot be used");
    expect(refused("Job: [{ op: jump, path: /a }]")).toContain("Job.0.op");
    expect(refused("Job: [{ op: add, path: a, value: 1 }]")).toContain("no path such as");
  });
});
