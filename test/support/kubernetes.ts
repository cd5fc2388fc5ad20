import { randomUUID } from "node:crypto";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { Exec, KubeConfig } from "@kubernetes/client-node";
import * as v from "valibot";
import { onTestFinished } from "vitest";
import type { ApiServer } from "../../adapters/job-runner/kubernetes/api/api-server.ts";
import { type Cluster, createCluster } from "../../adapters/job-runner/kubernetes/api/cluster.ts";
import { openApiServer } from "../../adapters/job-runner/kubernetes/api/kubeconfig.ts";
import { AnyObject, PodView } from "../../adapters/job-runner/kubernetes/api/views.ts";
import type { KubernetesRunnerConfig } from "../../adapters/job-runner/kubernetes/config.ts";
import { ownSelector } from "../../adapters/job-runner/kubernetes/labels.ts";
import { createKubernetesRunner } from "../../adapters/job-runner/kubernetes/runner.ts";
import type { JobRunner, JobWork, LaunchOrder } from "../../core/ports/job-runner.ts";
import type { RunnerBench } from "../contract/job-runner.suite.ts";
import { jobWork } from "./job-work.ts";
import { manifestConfig } from "./kubernetes-facts.ts";
import { IDLE } from "./local-runner.ts";

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined)
    throw new Error(`${name} is not set: start these tests by npm run test:kubernetes.`);
  return value;
}

export const kubeconfig = (): string => setting("KUBECONFIG");
/** The agent's own image, which brings a shell as well. */
export const agentImage = (): string => setting("IMS_AGENT_IMAGE");

const MIB = 2 ** 20;
const KINDS = ["jobs", "pods", "services", "persistentvolumeclaims", "configmaps", "secrets"] as const;

export interface TestNamespace {
  readonly name: string;
  readonly server: ApiServer;
  readonly cluster: Cluster;
  /** Names of all objects that a service made here, or of those of one job. */
  readonly objects: (jobId?: string) => Promise<readonly string[]>;
  readonly pods: (jobId: string) => Promise<readonly PodView[]>;
  readonly podLog: (pod: string) => Promise<string>;
}

/** Asks the API for something that no runner does. */
export async function ask(
  server: ApiServer,
  method: "GET" | "POST" | "DELETE" | "PATCH",
  path: string,
  body?: unknown,
) {
  const contentType = method === "PATCH" ? { contentType: "application/merge-patch+json" } : {};
  const signal = AbortSignal.timeout(20_000);
  const answer = await server.send({
    method,
    path,
    ...(body === undefined ? {} : { body }),
    ...contentType,
    signal,
  });
  return { status: answer.status, text: await answer.text() };
}

/** A namespace of the test's own, which goes with the test. */
export async function testNamespace(): Promise<TestNamespace> {
  const server = await openApiServer(kubeconfig());
  const name = `ims-test-${randomUUID().slice(0, 8)}`;
  const made = await ask(server, "POST", "/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: { "pod-security.kubernetes.io/enforce": "privileged" } },
  });
  if (made.status !== 201) throw new Error(made.text);
  onTestFinished(async () => void (await ask(server, "DELETE", `/api/v1/namespaces/${name}`)));
  const cluster = createCluster(server, name);
  return {
    name,
    server,
    cluster,
    async objects(jobId) {
      const query = { labelSelector: ownSelector("ims", jobId), metadata: true };
      const all = await Promise.all(
        KINDS.map(async (kind) =>
          (await cluster.list(kind, query)).items.map(
            (item) => `${kind}/${v.parse(AnyObject, item).metadata.name}`,
          ),
        ),
      );
      return all.flat();
    },
    async pods(jobId) {
      const { items } = await cluster.list("pods", { labelSelector: ownSelector("ims", jobId) });
      return items.map((item) => v.parse(PodView, item));
    },
    async podLog(pod) {
      const { status, text } = await ask(server, "GET", `/api/v1/namespaces/${name}/pods/${pod}/log`);
      return status === 200 ? text : "";
    },
  };
}

/** Where pods reach this machine: its address on the way to the API server. */
export async function hostForPods(): Promise<string> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig());
  const { hostname } = new URL(config.getCurrentCluster()?.server ?? "");
  const socket = createSocket("udp4");
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.connect(9, hostname, () => resolve());
    });
    return socket.address().address;
  } finally {
    socket.close();
  }
}

/** Runs a program in the agent's container. */
export async function execIn(namespace: string, pod: string, command: readonly string[]): Promise<string> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig());
  const chunks: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  await new Promise<void>((resolve, reject) => {
    new Exec(config)
      .exec(namespace, pod, "agent", [...command], sink, sink, null, false, () => resolve())
      .catch((error: unknown) => reject(error instanceof Error ? error : new Error(String(error))));
  });
  return chunks.join("");
}

const STAND_IN = readFileSync(join(import.meta.dirname, "stand-in-agent.sh"), "utf8");
/** The agent's program is not the first of its container, or nobody inside could kill it. */
const WRAPPED = 'sh -c "$STAND_IN" & echo $! >/tmp/agent; wait $!; exit $?';

export function testConfig(
  namespace: string,
  more: Partial<KubernetesRunnerConfig> = {},
): KubernetesRunnerConfig {
  return {
    ...manifestConfig({ namespace, image: agentImage(), cpu: "10m", serviceUrl: () => "http://127.0.0.1:9" }),
    startSeconds: 60,
    shell: { type: "NodePort", annotations: {}, domain: "cmn.shasta.local" },
    ...more,
  };
}

export function testOrder(
  namespace: string,
  jobId: string,
  attempt = 1,
  more: Partial<JobWork> = {},
): LaunchOrder {
  const sizes = { memoryBytes: 64 * MIB, diskBytes: 64 * MIB };
  const work = jobWork(jobId, { type: "customize", ...sizes, ...more });
  const limits = { memoryBytes: work.memoryBytes, diskBytes: work.diskBytes };
  return {
    jobId,
    attempt,
    token: `secret-${attempt}`,
    limits,
    work: { ...work, kubernetes: { ...work.kubernetes, namespace } },
  };
}

export interface KubernetesBench extends RunnerBench {
  readonly namespace: TestNamespace;
  readonly runner: ReturnType<typeof createKubernetesRunner>;
}

/** Runners in a namespace of their own, whose agents are shell scripts in the agent's image. */
export async function kubernetesBench(
  behaviour = IDLE,
  more: Partial<KubernetesRunnerConfig> = {},
): Promise<KubernetesBench> {
  const namespace = await testNamespace();
  const { cluster, objects, podLog, pods, server } = namespace;
  const config = testConfig(namespace.name, {
    command: ["sh", "-c", WRAPPED],
    agentEnv: { LEDGER: "/dev/stdout", BEHAVIOUR: behaviour, STAND_IN },
    ...more,
  });
  const again = (view: "watch" | "poll" = "watch") => {
    const runner = createKubernetesRunner({ server, config, view });
    onTestFinished(() => runner.close());
    return runner;
  };
  /** Tokens by pod, also of pods that are gone. */
  const tokens = new Map<string, string>();
  return {
    namespace,
    runner: again(),
    again: (): JobRunner => again(),
    newJob: () => randomUUID(),
    order: (jobId, attempt) => testOrder(namespace.name, jobId, attempt),
    async started(jobId) {
      for (const { metadata } of await pods(jobId)) {
        const found = new RegExp(`^${jobId} (.*)$`, "mu").exec(await podLog(metadata.name))?.[1];
        if (found !== undefined) tokens.set(`${jobId} ${metadata.uid}`, found);
      }
      return [...tokens].flatMap(([key, token]) => (key.startsWith(jobId) ? [token] : []));
    },
    async exposed(jobId) {
      const labelSelector = ownSelector("ims", jobId);
      const kinds = KINDS.filter((kind) => kind !== "secrets");
      const all = await Promise.all(kinds.map((kind) => cluster.list(kind, { labelSelector })));
      return JSON.stringify([...all, await cluster.list("events", {})]);
    },
    async running(jobId) {
      return (await pods(jobId))
        .filter(({ status }) => status.phase === "Running")
        .map(({ metadata }) => metadata.uid);
    },
    hiding: 1,
    remains: (jobId) => objects(jobId),
    async killAgent(jobId) {
      const [pod] = await pods(jobId);
      await execIn(namespace.name, pod?.metadata.name ?? "", ["sh", "-c", "kill -9 $(cat /tmp/agent)"]);
    },
  };
}
