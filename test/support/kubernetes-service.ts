import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer, request as send } from "node:http";
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { parse, stringify } from "yaml";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { machineMirror } from "../../functions/cli/demo/mirror.ts";
import { scratchFolder } from "./archives.ts";
import type { Json } from "./json.ts";
import { agentImage, ask, hostForPods, kubeconfig, testNamespace, type TestNamespace } from "./kubernetes.ts";
import { startService, until } from "./service-process.ts";
import { freePort } from "../../adapters/process/free-port.ts";

const portOf = (server: Server): number => {
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
};

const STAND_INS = ["kiwi-ng", "mksquashfs"] as const;

/** Puts stand-ins for the build tools into each pod, as a site would put in something of its own: by patches. */
async function standInPatches({ name, server }: TestNamespace): Promise<string> {
  const folder = join(import.meta.dirname, "../fixtures/stand-ins");
  const data = Object.fromEntries(STAND_INS.map((tool) => [tool, readFileSync(join(folder, tool), "utf8")]));
  const made = await ask(server, "POST", `/api/v1/namespaces/${name}/configmaps`, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "stand-ins" },
    data,
  });
  if (made.status !== 201) throw new Error(made.text);
  const file = join(await scratchFolder(), "patches.yaml");
  await writeFile(
    file,
    stringify({
      ConfigMap: [
        { op: "add", path: "/data/IMS_KIWI", value: "/stand-ins/kiwi-ng" },
        { op: "add", path: "/data/IMS_MKSQUASHFS", value: "/stand-ins/mksquashfs" },
      ],
      Job: {
        spec: {
          template: {
            spec: {
              containers: [{ name: "agent", volumeMounts: [{ name: "stand-ins", mountPath: "/stand-ins" }] }],
              volumes: [{ name: "stand-ins", configMap: { name: "stand-ins", defaultMode: 0o755 } }],
            },
          },
        },
      },
    }),
  );
  return file;
}

export interface KubernetesServiceOptions {
  /** Builds with stand-ins for kiwi and mksquashfs; else with the tools of the agent's image. */
  readonly standIns?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** The real service whose jobs are pods in a namespace of the test's own. */
export async function startKubernetesService({ env = {}, standIns = false }: KubernetesServiceOptions = {}) {
  const namespace = await testNamespace();
  const host = await hostForPods();
  const port = String(await freePort(host));
  const service = await startService({
    IMS_JOBS: "kubernetes",
    KUBECONFIG: kubeconfig(),
    IMS_AGENT_IMAGE: agentImage(),
    DEFAULT_IMS_JOB_NAMESPACE: namespace.name,
    IMS_AGENT_HOST: host,
    IMS_AGENT_PORT: port,
    IMS_AGENT_URL: `http://${host}:${port}`,
    IMS_KUBERNETES_SHELL_SERVICE: "NodePort",
    IMS_KUBERNETES_CPU: "10m",
    DEFAULT_IMS_JOB_MEM_SIZE: "1",
    DEFAULT_IMS_IMAGE_SIZE: "2",
    ...(standIns ? { IMS_KUBERNETES_PATCHES: await standInPatches(namespace) } : {}),
    ...env,
  });
  return { ...service, namespace };
}
export type KubernetesService = Awaited<ReturnType<typeof startKubernetesService>>;

/** Of ended jobs there is nothing in the namespace; what was kept goes when somebody next looks for it. */
export async function nothingInNamespace({ namespace }: KubernetesService, seconds = 60): Promise<void> {
  await until(
    "nothing is left in the namespace",
    async () => {
      const left = await namespace.objects();
      return left.length === 0 ? true : undefined;
    },
    seconds,
  );
}

/** The one pod of a job, once there is one that runs. */
export async function runningPod({ namespace }: KubernetesService, jobId: string): Promise<string> {
  return await until(
    "the job's pod runs",
    async () => (await namespace.pods(jobId)).find(({ status }) => status.phase === "Running")?.metadata.name,
    60,
  );
}

/** Passes requests of pods, which reach nothing but this machine, on to the package archive that this machine uses. */
export async function packageRelay(): Promise<string> {
  const run = createRunCommand({ env: plainEnvironment(process.env) });
  const mirror = await machineMirror(run, AbortSignal.timeout(30_000));
  if (mirror === undefined) throw new Error("This machine's apt names no Debian archive.");
  const host = await hostForPods();
  const server = createServer((request, response) => {
    const target = new URL(`${mirror}${request.url ?? ""}`);
    const { method } = request;
    const onward = send(target, { method, headers: { host: target.host } }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    onward.end();
  }).listen(0, host);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://${host}:${portOf(server)}`;
}

/** A way to the API server that can be cut, as when it is restarted. */
export async function breakableCluster() {
  const config: Json = parse(readFileSync(kubeconfig(), "utf8"));
  const target = new URL(config.clusters[0].cluster.server);
  const sockets = new Set<Socket>();
  const listen = (port: number) =>
    createTcpServer((near) => {
      const far = connect(Number(target.port || 443), target.hostname);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(one);
        one.on("close", () => {
          sockets.delete(one);
          other.destroy();
        });
        one.on("error", () => one.destroy());
        one.pipe(other);
      }
    }).listen(port, "127.0.0.1");
  let server = listen(0);
  await once(server, "listening");
  const port = portOf(server);
  const cut = async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, "close");
  };
  onTestFinished(cut);
  config.clusters[0].cluster.server = `https://127.0.0.1:${port}`;
  config.clusters[0].cluster["tls-server-name"] = target.hostname;
  const file = join(await scratchFolder(), "kubeconfig");
  await writeFile(file, stringify(config), { mode: 0o600 });
  return {
    kubeconfig: file,
    cut,
    async mend() {
      server = listen(port);
      await once(server, "listening");
    },
  };
}
