import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { execFile } from "node:child_process";
import { ENDPOINTS } from "../../functions/endpoints.ts";
import { bundle } from "../bundle/bundle.ts";
import { functionTargets, workerTarget } from "../bundle/functions.ts";
import { TARGETS } from "../bundle/targets.ts";
import { startLocalstack } from "../localstack/start.ts";
import { startWorkerd } from "../worker/workerd.ts";
import { freePort } from "../../adapters/process/free-port.ts";
import { end, median } from "./measure.ts";

const COLD_ROUNDS = 9;
const WARM_ROUNDS = 600;
const WARM_UP = 100;
const SECRET = "a secret for the time of this bench";
const RUNNER = path.join(import.meta.dirname, "functions/runner.mjs");

/** Without the SDK, and with it: records alone, and records, objects and all that jobs need. */
const COLD = {
  live: { file: "get_healthz_live", at: "/healthz/live" },
  records: { file: "get_all_v3_images", at: "/v3/images" },
  everything: { file: "post_v3_job", at: "/v3/jobs" },
} as const;

/** Sizes of all functions, their cold starts, memory at rest, and what their entries add to a request that is warm. */
export async function benchFunctions() {
  const folder = mkdtempSync(path.join(tmpdir(), "ims-bench-functions-"));
  const stop = new AbortController();
  const localstack = await startLocalstack({ say: () => undefined, signal: stop.signal });
  try {
    const dist = path.join(folder, "dist");
    const targets = [...TARGETS, ...(await functionTargets()), workerTarget()];
    const { programs } = await bundle(dist, targets);
    const kib = (file: string) => (programs.find((one) => one.file === file)?.wholeBytes ?? 0) / 1024;
    const sizes = ENDPOINTS.filter(({ operation }) => operation !== "get_openapi").map(
      ({ operation, uses }) => ({
        idle: Object.keys(uses).length === 0,
        kib: kib(`functions/${operation}.mjs`),
      }),
    );
    const most = (idle: boolean) =>
      Math.max(...sizes.filter((one) => one.idle === idle).map((one) => one.kib));
    const worker = readFileSync(path.join(dist, "worker/all.mjs"));
    return {
      mostKiBWithoutSdk: most(true),
      mostKiBWithSdk: most(false),
      workerGzipKiB: gzipSync(worker, { level: 9 }).length / 1024,
      ...(await coldStarts(dist)),
      ...(await warm(dist, folder, localstack.env, worker.toString())),
    };
  } finally {
    await localstack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const BASIC = {
  IMS_SECRET: SECRET,
  IMS_AUTH: "token",
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "a",
  AWS_SECRET_ACCESS_KEY: "b",
};

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

function start(args: readonly string[], env: Record<string, string>, port: number): Running {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"], ...env, IMS_PORT: String(port) },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return { child, url: `http://127.0.0.1:${port}` };
}

/** Process start to the first answer, whatever it is: without a token that is all that a store is not asked for. */
async function firstAnswer({ url }: Running, at: string): Promise<void> {
  for (;;) {
    const answer = await fetch(url + at).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function coldStarts(dist: string) {
  const names = ["empty", ...Object.keys(COLD)];
  const times: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  const memory: Record<string, number> = {};
  for (let round = 0; round <= COLD_ROUNDS; round += 1)
    for (const [name, file, at] of [
      ["empty", "empty", "/"] as const,
      ...Object.entries(COLD).map(
        ([one, { file: own, at: path_ }]) =>
          [one, path.join(dist, "functions", `${own}.mjs`), path_] as const,
      ),
    ]) {
      const port = await freePort();
      const began = performance.now();
      const running = start([RUNNER, file], BASIC, port);
      await firstAnswer(running, at);
      // The first round fills caches.
      if (round > 0) times[name]?.push(performance.now() - began);
      memory[name] = residentMiB(running.child.pid);
      await end(running.child, "SIGKILL");
    }
  const empty = median(times["empty"] ?? []);
  const ratio = (name: string) => median(times[name] ?? []) / empty;
  return {
    coldEmptyMs: empty,
    coldRatioWithoutSdk: ratio("live"),
    coldRatioRecords: ratio("records"),
    coldRatioEverything: ratio("everything"),
    memoryMiB: memory["everything"] ?? Number.NaN,
    memoryWithoutSdkMiB: memory["live"] ?? Number.NaN,
  };
}

function residentMiB(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/** A record read by the process, by the function that serves it alone and by the Worker, in turn, on one DynamoDB. */
async function warm(dist: string, folder: string, aws: Readonly<Record<string, string>>, worker: string) {
  const secretFile = path.join(folder, "secret");
  writeFileSync(secretFile, SECRET, { mode: 0o600 });
  const quiet = { ...aws, IMS_LOG_LEVEL: "warn" };
  const node = {
    ...quiet,
    IMS_RECORDS: "dynamodb",
    IMS_ARTIFACTS: "s3",
    IMS_AUTH: "token",
    IMS_MAX_JOBS: "0",
    IMS_DATA: folder,
    IMS_SECRET_FILE: secretFile,
  };
  const token = await createToken(dist, node);
  const service = start([path.join(dist, "server.mjs")], node, await freePort());
  await firstAnswer(service, "/healthz/live");
  const headers = { authorization: `Bearer ${token}` };
  const made = await fetch(`${service.url}/v3/images`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ name: "x" }),
  });
  const { id }: { id: string } = JSON.parse(await made.text());
  const env = { ...quiet, ...BASIC, ...aws };
  const own = start([RUNNER, path.join(dist, "functions/get_v3_image.mjs")], env, await freePort());
  await firstAnswer(own, "/v3/images/x");
  const workerd = await startWorkerd({ script: worker, bindings: env });
  try {
    const times = await inTurn([service.url, own.url, workerd.url], `/v3/images/${id}`, headers);
    const [process_ = Number.NaN, lambda = Number.NaN, inWorkerd = Number.NaN] = times.map(median);
    return {
      warmProcessMs: process_,
      warmLambdaRatio: lambda / process_,
      warmWorkerRatio: inWorkerd / process_,
    };
  } finally {
    await workerd.stop();
    await end(own.child, "SIGKILL");
    await end(service.child);
  }
}

async function createToken(dist: string, env: Record<string, string>): Promise<string> {
  const args = [path.join(dist, "ims.mjs"), "token", "create", "--role", "admin"];
  return (await promisify(execFile)(process.execPath, args, { env })).stdout.trim();
}

async function inTurn(urls: readonly string[], at: string, headers: Record<string, string>) {
  const times: number[][] = urls.map(() => []);
  for (let round = 0; round < WARM_UP + WARM_ROUNDS; round += 1)
    for (const [index, url] of urls.entries()) {
      const began = performance.now();
      const answer = await fetch(url + at, { headers });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
      if (round >= WARM_UP) times[index]?.push(performance.now() - began);
    }
  return times;
}
