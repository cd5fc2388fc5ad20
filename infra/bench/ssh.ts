import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { createApiClient } from "../../adapters/api/client.ts";
import { freePort } from "../../adapters/process/free-port.ts";
import { type BuildNode, startBuildNode } from "../build-node/build-node.ts";
import { type QuickAgent, quickAgent } from "../build-node/quick-agent.ts";
import { jobPoster } from "./job-poster.ts";
import { followed, percentile } from "./logs.ts";
import { answered, end, median, run } from "./measure.ts";

const ROUNDS = 9;
const LOG_SECONDS = 30;
/** Until the node has been looked at, has the image and is free; a job's start and end. */
const PATIENCE_MS = 120_000;
const NEEDED = ["podman", "runc", "ssh", "sshd", "ssh-keygen", "ip", "nsenter", "busybox"];
const BARE = "bare";

/** Stands in for kiwi on the node: a line with its time every 20 ms. */
const BUILD = `#!/opt/ims/node
if (process.argv.includes("--version")) { console.log("KIWI (next generation) version 11.0.0"); process.exit(); }
setInterval(() => process.stdout.write("t=" + Date.now() + "." + " ".padEnd(80, "x") + "\\n"), 20);
`;

type Api = ReturnType<typeof createApiClient>;

/**
 * A job on a remote build node that is made for it on this machine: from its POST to an agent that has reported, against
 * ssh and podman run of the same image by hand, in turn; and a line's way from the build on the node to a follower.
 */
export async function benchSsh(root: string, scratch: string): Promise<Record<string, number>> {
  const lack = lackOf(process.env["PATH"] ?? "");
  if (lack !== undefined) throw new Error(`The bench of jobs on build nodes makes a node here: ${lack}.`);
  const folder = mkdtempSync(path.join(scratch, "ims-bench-ssh-"));
  const standIn = path.join(folder, "kiwi-ng");
  writeFileSync(standIn, BUILD, { mode: 0o755 });
  const agent = await quickAgent([standIn]);
  try {
    const node = await startBuildNode();
    try {
      return await measure({ root, folder, agent, node });
    } finally {
      await node.remove();
    }
  } finally {
    await agent.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

function lackOf(searched: string): string | undefined {
  if (process.getuid?.() !== 0) return "run it as root";
  const folders = [...searched.split(":"), "/usr/sbin", "/sbin"];
  const missing = NEEDED.filter((name) => !folders.some((folder) => isProgram(path.join(folder, name))));
  return missing.length === 0 ? undefined : `install ${missing.join(", ")}`;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

interface Bench {
  readonly root: string;
  readonly folder: string;
  readonly agent: QuickAgent;
  readonly node: BuildNode;
}

async function measure(bench: Bench) {
  const { node, folder } = bench;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const service = startService(bench, port);
  try {
    await answered(`${url}/healthz/ready`);
    const api = createApiClient({ url });
    await register(url, node);
    const post = await jobPoster(api, folder);
    const rounds = await timedRounds(bench, api, post);
    const latencies = await lineLatencies(url, api, post);
    return {
      bareRunMs: median(rounds.bare),
      jobMs: median(rounds.jobs),
      jobAboveRunSeconds: (median(rounds.jobs) - median(rounds.bare)) / 1000,
      lines: latencies.length,
      lineP50Ms: percentile(latencies, 50),
      lineP99Ms: percentile(latencies, 99),
    };
  } finally {
    await end(service);
  }
}

async function timedRounds(bench: Bench, api: Api, post: () => Promise<string>) {
  const [bare, jobs]: [number[], number[]] = [[], []];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const [job, alone] = [await jobMs(bench.node, api, post), await bareRunMs(bench)];
    // The first round fills caches.
    if (round === 0) continue;
    jobs.push(job);
    bare.push(alone);
  }
  return { bare, jobs };
}

/** Milliseconds from a job's POST until its agent has reported. */
async function jobMs(node: BuildNode, api: Api, post: () => Promise<string>): Promise<number> {
  const began = performance.now();
  const id = await post();
  await until(`job ${id} is started`, async () => (await api.getJob(id)).status !== "creating");
  const took = performance.now() - began;
  await cancelled(node, api, id);
  return took;
}

/** The next measurement begins on a node that is at rest. */
async function cancelled(node: BuildNode, api: Api, id: string): Promise<void> {
  await api.cancelJob(id);
  await until(`job ${id} leaves nothing`, async () => (await node.inside("podman", "ps", "-aq")) === "");
}

/** Milliseconds that ssh and podman take to start a container of the agent's image in which nothing happens. */
async function bareRunMs({ agent, node, folder }: Bench): Promise<number> {
  const image = (await node.inside("podman", "images", "--quiet")).trim();
  const settings = [
    "BatchMode=yes",
    "LogLevel=ERROR",
    "StrictHostKeyChecking=accept-new",
    `UserKnownHostsFile=${path.join(folder, "known_hosts")}`,
  ];
  const options = ["-F", "none", "-i", node.keyFile, ...settings.flatMap((one) => ["-o", one])];
  const words = ["podman", "run", "--detach", "--name", BARE, "--network=host", ...agent.mounts];
  const began = performance.now();
  await run("ssh", [...options, `root@${node.address}`, ...words, "--entrypoint", "sleep", image, "300"]);
  const took = performance.now() - began;
  await node.inside("podman", "rm", "--force", "--time", "0", BARE);
  return took;
}

/** Of one job's log, as it is followed. The clock is one: the node is on this machine. */
async function lineLatencies(url: string, api: Api, post: () => Promise<string>): Promise<number[]> {
  const id = await post();
  await until(`job ${id} builds`, async () => (await api.getJob(id)).status === "building_image");
  const latencies = await followed(url, id, LOG_SECONDS);
  await api.cancelJob(id);
  return latencies;
}

/** And waits until the node has been looked at and has the agent's image. */
async function register(url: string, { address }: BuildNode): Promise<void> {
  const answer = await fetch(`${url}/v3/remote-build-nodes`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ xname: address }),
  });
  if (answer.status !== 201) throw new Error(`The node is not registered: ${await answer.text()}`);
  await until("the node can run jobs", async () => {
    const status = await (await fetch(`${url}/v3/remote-build-nodes/status/${address}`)).text();
    return status.includes('"ableToRunJobs":true');
  });
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`It takes too long until ${what}.`);
    await sleep(10);
  }
}

function startService({ root, folder, agent, node }: Bench, port: number): ChildProcess {
  return spawn(process.execPath, [path.join(root, "functions/runtime/node.ts")], {
    env: {
      PATH: process.env["PATH"],
      IMS_PORT: String(port),
      IMS_DATA: mkdtempSync(path.join(folder, "data-")),
      IMS_JOBS: "ssh",
      IMS_SSH_KEY_FILE: node.keyFile,
      DEFAULT_IMS_JOB_MEM_SIZE: "1",
      DEFAULT_IMS_IMAGE_SIZE: "1",
      IMS_LOG_LEVEL: "warn",
      ...agent.env("stand-ins"),
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
}
