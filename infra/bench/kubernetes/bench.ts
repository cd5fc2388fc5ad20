import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createSocket } from "node:dgram";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { createApiClient } from "../../../adapters/api/client.ts";
import { jobPoster } from "../job-poster.ts";
import { followed, percentile } from "../logs.ts";
import { freePort } from "../../../adapters/process/free-port.ts";
import { answered, end, median, processorSeconds } from "../measure.ts";
import { type BenchCluster, barePodMs, listsOf, openBenchCluster } from "./cluster.ts";

const ROUNDS = 9;
const LOG_SECONDS = 30;
const MANY = 1000;
const IDLE_SECONDS = 60;

/** Stands in for kiwi in the pods: a line with its time every 20 ms. */
const BUILD = `#!/usr/local/bin/node
if (process.argv.includes("--version")) { console.log("KIWI (next generation) version 11.0.0"); process.exit(); }
setInterval(() => process.stdout.write("t=" + Date.now() + "." + " ".padEnd(80, "x") + "\\n"), 20);
`;

/**
 * A job in a pod: from its POST to an agent that reports, against a bare pod of the same image; a line's way from the
 * build in the pod to a follower (the clocks of both must agree); and what a thousand jobs cost that wait for nodes.
 */
export async function benchKubernetes(root: string, scratch: string): Promise<Record<string, number>> {
  const cluster = await openBenchCluster();
  const folder = mkdtempSync(path.join(scratch, "ims-bench-kubernetes-"));
  try {
    const launching = await benchLaunch(cluster, root, folder);
    return { ...launching, ...(await benchMany(cluster, root, folder)) };
  } finally {
    await cluster.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchLaunch(cluster: BenchCluster, root: string, folder: string) {
  const service = await startService(cluster, root, folder, {
    IMS_KUBERNETES_PATCHES: await standIn(cluster, folder),
  });
  try {
    const post = await jobPoster(service.api, folder);
    const bare: number[] = [];
    const jobs: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const [pod, job] = [await barePodMs(cluster), await jobMs(service.api, post)];
      // The first round fills caches.
      if (round === 0) continue;
      bare.push(pod);
      jobs.push(job);
    }
    const id = await post();
    while ((await service.api.getJob(id)).status !== "building_image") await sleep(50);
    const latencies = await followed(service.url, id, LOG_SECONDS);
    await service.api.cancelJob(id);
    await untilNone(cluster, "jobs");
    return {
      barePodMs: median(bare),
      jobMs: median(jobs),
      jobAbovePodSeconds: (median(jobs) - median(bare)) / 1000,
      lines: latencies.length,
      lineP50Ms: percentile(latencies, 50),
      lineP99Ms: percentile(latencies, 99),
    };
  } finally {
    await service.end();
  }
}

/** Jobs that no node has room for: each has its Job and pod, and nothing happens to them. */
async function benchMany(cluster: BenchCluster, root: string, folder: string) {
  const service = await startService(cluster, root, folder, {
    IMS_MAX_JOBS: String(MANY),
    IMS_KUBERNETES_CPU: "9999",
    IMS_KUBERNETES_VOLUME: "scratch",
    IMS_KUBERNETES_START_SECONDS: "86400",
  });
  try {
    const post = await jobPoster(service.api, folder);
    for (let posted = 0; posted < MANY; posted += 20) await Promise.all(Array.from({ length: 20 }, post));
    while ((await countOf(cluster, "pods")) < MANY) await sleep(1000);
    await sleep(10_000);
    const [lists, cpu] = [await listsOf(cluster, "jobs"), processorSeconds(service.pid).all];
    await sleep(IDLE_SECONDS * 1000);
    const share = (processorSeconds(service.pid).all - cpu) / IDLE_SECONDS;
    return {
      jobs: MANY,
      idleCoreShare: share,
      listsOfJobsPerMinute: (await listsOf(cluster, "jobs")) - lists,
    };
  } finally {
    await service.end();
  }
}

async function countOf({ ask, namespace }: BenchCluster, kind: "jobs" | "pods"): Promise<number> {
  const group = kind === "jobs" ? "/apis/batch/v1" : "/api/v1";
  const text = await ask("GET", `${group}/namespaces/${namespace}/${kind}?limit=1`);
  const list: { items: unknown[]; metadata: { remainingItemCount?: number } } = JSON.parse(text);
  return list.items.length + (list.metadata.remainingItemCount ?? 0);
}

async function untilNone(cluster: BenchCluster, kind: "jobs" | "pods"): Promise<void> {
  while ((await countOf(cluster, kind)) > 0) await sleep(200);
}

/** A ConfigMap with the stand-in, and the patches that bring it into each pod. */
async function standIn({ ask, namespace }: BenchCluster, folder: string): Promise<string> {
  await ask("POST", `/api/v1/namespaces/${namespace}/configmaps`, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "bench" },
    data: { "kiwi-ng": BUILD },
  });
  const mount = { name: "agent", volumeMounts: [{ name: "bench", mountPath: "/bench" }] };
  const volume = { name: "bench", configMap: { name: "bench", defaultMode: 0o755 } };
  const file = path.join(folder, "patches.json");
  const patches = {
    ConfigMap: [{ op: "add", path: "/data/IMS_KIWI", value: "/bench/kiwi-ng" }],
    Job: { spec: { template: { spec: { containers: [mount], volumes: [volume] } } } },
  };
  writeFileSync(file, JSON.stringify(patches));
  return file;
}

type Api = ReturnType<typeof createApiClient>;

/** Milliseconds from a job's POST until its agent has reported. */
async function jobMs(api: Api, post: () => Promise<string>): Promise<number> {
  const began = performance.now();
  const id = await post();
  while ((await api.getJob(id)).status === "creating") await sleep(10);
  const took = performance.now() - began;
  await api.cancelJob(id);
  return took;
}

async function startService(
  cluster: BenchCluster,
  root: string,
  folder: string,
  more: Readonly<Record<string, string>>,
) {
  const host = await hostForPods(cluster);
  const [port, agentPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, [path.join(root, "functions/runtime/node.ts")], {
    env: {
      PATH: process.env["PATH"],
      IMS_PORT: String(port),
      IMS_DATA: mkdtempSync(path.join(folder, "data-")),
      IMS_JOBS: "kubernetes",
      KUBECONFIG: cluster.kubeconfig,
      IMS_AGENT_IMAGE: cluster.image,
      DEFAULT_IMS_JOB_NAMESPACE: cluster.namespace,
      IMS_AGENT_HOST: host,
      IMS_AGENT_PORT: String(agentPort),
      IMS_AGENT_URL: `http://${host}:${agentPort}`,
      IMS_KUBERNETES_CPU: "10m",
      DEFAULT_IMS_JOB_MEM_SIZE: "1",
      DEFAULT_IMS_IMAGE_SIZE: "1",
      IMS_LOG_LEVEL: "warn",
      ...more,
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const url = `http://127.0.0.1:${port}`;
  await answered(`${url}/healthz/ready`);
  return { api: createApiClient({ url }), url, pid: child.pid, end: () => end(child) };
}

/** Where pods reach this machine: its address on the way to the API server. */
async function hostForPods({ kubeconfig }: BenchCluster): Promise<string> {
  const config: { clusters: { cluster: { server: string } }[] } = parse(await readFile(kubeconfig, "utf8"));
  const socket = createSocket("udp4");
  socket.connect(9, new URL(config.clusters[0]?.cluster.server ?? "").hostname);
  await once(socket, "connect");
  const { address } = socket.address();
  socket.close();
  return address;
}
