import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createSshRunner, type SshRunner } from "../../adapters/job-runner/ssh/runner.ts";
import type { SshRunnerConfig } from "../../adapters/job-runner/ssh/config.ts";
import type { SshNode } from "../../adapters/ssh/connections.ts";
import type { LaunchOrder } from "../../core/ports/job-runner.ts";
import { type BuildNode, startBuildNode } from "../../infra/build-node/build-node.ts";
import { type StandInImage, writeStandInImage } from "../../infra/build-node/stand-in-image.ts";

/** Takes its token, notes that it was started, and behaves as the test wants; the node's folder is its /ledger. */
const STAND_IN = `
IFS= read -r token <"$IMS_TOKEN_FILE"
printf '%s %s\\n' "$IMS_JOB_ID" "$token" >>/ledger/started
mkdir -p "$IMS_WORK_FOLDER"
cd "$IMS_WORK_FOLDER"
eval "$BEHAVIOUR"
`;
export const FOLDER = "/var/lib/ims-jobs";
const LEDGER = `${FOLDER}/ledger`;

/** An image whose agent is a script. */
export const writeAgent = (
  file: string,
  script = STAND_IN,
  more: StandInImage["files"] = [],
): Promise<void> =>
  writeStandInImage(file, {
    files: [{ path: "agent.sh", content: script }, ...more],
    programs: "busybox",
    entrypoint: ["/bin/sh", "/agent.sh"],
    path: "/bin",
  });

/** A node that goes with the test. */
export async function buildNode(like?: BuildNode): Promise<BuildNode> {
  const node = await startBuildNode(like);
  onTestFinished(() => node.remove());
  return node;
}

/** Two that the same key opens. */
export async function twoNodes(): Promise<[BuildNode, BuildNode]> {
  const first = await buildNode();
  return [first, await buildNode(first)];
}

/** As the registry would have it, with what is pinned by and by. */
export function directoryOf(nodes: readonly BuildNode[]) {
  const pinned = new Map<string, string>();
  const known = nodes.map((node, index) => ({
    xname: `x${index + 1}`,
    host: node.address,
    port: 22,
    user: "root",
  }));
  const withKey = (node: Omit<SshNode, "hostKey">): SshNode => ({ ...node, hostKey: pinned.get(node.xname) });
  return {
    pinned,
    find: async (xname: string) => known.filter((node) => node.xname === xname).map(withKey)[0],
    list: async () => known.map(withKey),
    pin: async (xname: string, key: string) => {
      if (!pinned.has(xname)) pinned.set(xname, key);
      return pinned.get(xname) ?? key;
    },
  };
}

export const WORK: LaunchOrder["work"] = {
  type: "create",
  arch: process.arch === "arm64" ? "aarch64" : "x86_64",
  dkms: false,
  shell: false,
  diskBytes: 1024 ** 3,
  memoryBytes: 1024 ** 3,
  kubernetes: { namespace: "", job: "", service: "", configmap: "", pvc: "", secret: null },
};

/** Runners over real nodes with a stand-in for the agent. */
export async function sshBench(
  nodes: readonly BuildNode[],
  behaviour: string,
  changes: Partial<SshRunnerConfig> = {},
) {
  const base = await mkdtemp(join(tmpdir(), "ssh-runner-"));
  const imageFile = join(base, "image.tar");
  await writeAgent(imageFile);
  const directory = directoryOf(nodes);
  const troubles: string[] = [];
  const runners: SshRunner[] = [];
  const again = (own: Partial<SshRunnerConfig> = {}): SshRunner => {
    const runner = createSshRunner({
      nodes: directory,
      keyFile: nodes[0]?.keyFile ?? "",
      folder: FOLDER,
      owner: "test",
      imageFile,
      cache: join(base, "cache"),
      agentEnv: { BEHAVIOUR: behaviour },
      serviceUrl: () => "http://127.0.0.1:9",
      tunnel: { serviceUrl: () => "http://127.0.0.1:9", stores: [] },
      shells: { via: "service", host: "127.0.0.1" },
      patienceMs: 2000,
      imageDays: 14,
      podmanOptions: ["--volume", `${LEDGER}:/ledger`],
      timing: { handshakeMs: 5000, keepaliveMs: 1500 },
      onTrouble: (node, what) => void troubles.push(`${node}: ${what}`),
      ...changes,
      ...own,
    });
    runners.push(runner);
    return runner;
  };
  for (const node of nodes) await node.inside("mkdir", "-p", LEDGER);
  onTestFinished(async () => {
    for (const runner of runners) runner.close();
    await rm(base, { recursive: true, force: true });
  });
  return { base, imageFile, directory, troubles, again, runner: again(), newJob: () => randomUUID() };
}

export async function startedOn(node: BuildNode, jobId: string): Promise<string[]> {
  const ledger = await node.inside("sh", "-c", `cat ${LEDGER}/started 2>/dev/null || true`);
  return ledger
    .split("\n")
    .filter((line) => line.startsWith(jobId))
    .map((line) => line.slice(jobId.length + 1));
}

/** What a node has of a job: containers by that name, its folder, and pids of its processes. */
export async function remainsOn(node: BuildNode, jobId: string) {
  const containers = await node.inside("podman", "ps", "-aq", "--filter", `name=^ims-${jobId}$`);
  const folders = await node.inside("find", `${FOLDER}/test`, "-name", `*${jobId}*`);
  const processes = await node.inside(
    "sh",
    "-c",
    `grep -lz "^IMS_JOB_ID=${jobId}" /proc/[0-9]*/environ 2>/dev/null || true`,
  );
  const lines = (text: string) => text.split("\n").filter((line) => line !== "");
  return {
    containers: lines(containers),
    folders: lines(folders),
    processes: lines(processes).map((path) => Number(path.split("/")[2])),
  };
}
