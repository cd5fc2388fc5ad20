import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiServer } from "../../../adapters/job-runner/kubernetes/api/api-server.ts";
import { openApiServer } from "../../../adapters/job-runner/kubernetes/api/kubeconfig.ts";

export interface BenchCluster {
  readonly kubeconfig: string;
  readonly image: string;
  readonly namespace: string;
  readonly ask: (method: "GET" | "POST" | "DELETE", path: string, body?: unknown) => Promise<string>;
  remove(): Promise<void>;
}

/** The cluster of KUBECONFIG, with a namespace of the bench's own. */
export async function openBenchCluster(): Promise<BenchCluster> {
  const { IMS_AGENT_IMAGE: image, KUBECONFIG: kubeconfig } = process.env;
  if (kubeconfig === undefined || image === undefined)
    throw new Error(
      "KUBECONFIG has to name a cluster, and IMS_AGENT_IMAGE the agent's image that its nodes have.",
    );
  const server = await openApiServer(kubeconfig);
  const namespace = `ims-bench-${randomUUID().slice(0, 8)}`;
  const ask: BenchCluster["ask"] = (method, path, body) => asked(server, method, path, body);
  await ask("POST", "/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: namespace },
  });
  return {
    kubeconfig,
    image,
    namespace,
    ask,
    remove: async () => void (await ask("DELETE", `/api/v1/namespaces/${namespace}`)),
  };
}

async function asked(
  server: ApiServer,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body: unknown,
): Promise<string> {
  const signal = AbortSignal.timeout(60_000);
  const answer = await server.send({ method, path, signal, ...(body === undefined ? {} : { body }) });
  const text = await answer.text();
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text;
}

/** Milliseconds from the creation of a pod of this image, by one request, until its container runs. */
export async function barePodMs({ ask, image, namespace }: BenchCluster): Promise<number> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const name = `bare-${randomUUID().slice(0, 8)}`;
  const container = { name: "agent", image, command: ["sleep", "300"], imagePullPolicy: "IfNotPresent" };
  const began = performance.now();
  await ask("POST", path, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { restartPolicy: "Never", containers: [container] },
  });
  while (!(await ask("GET", `${path}/${name}`)).includes('"running":{')) await sleep(10);
  const took = performance.now() - began;
  await ask("DELETE", `${path}/${name}?gracePeriodSeconds=0`);
  return took;
}

/** How often the API server was asked for lists of this kind, by anybody, so far. */
export async function listsOf({ ask }: BenchCluster, kind: string): Promise<number> {
  const text = await ask("GET", "/metrics");
  const lines = text.split("\n").filter((line) => line.startsWith("apiserver_request_total{"));
  const ours = lines.filter((line) => line.includes('verb="LIST"') && line.includes(`resource="${kind}"`));
  return ours.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
