import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { startEmulator } from "../../infra/lambda/emulator.ts";
import { startWorkerd } from "../../infra/worker/workerd.ts";
import type { Deployment } from "../e2e/roads.suite.ts";
import { freshStorage, type FreshStorage, localstackEnv } from "./localstack.ts";
import { until } from "./service-process.ts";
import { freePort } from "../../adapters/process/free-port.ts";

const root = path.join(import.meta.dirname, "../..");
const standIns = path.join(root, "test/fixtures/stand-ins");
const PATH = `${standIns}:${process.env["PATH"] ?? ""}`;

/** What all processes and functions on one store share. */
export const SECRET = "a secret that is shared by all of them";

type Env = Readonly<Record<string, string>>;

export async function tempFolder(): Promise<string> {
  return await mkdtemp(path.join(tmpdir(), "ims-deployment-"));
}

/** Makes the storage of the service that the environment describes, and a token of each role. */
export async function tokens(env: Env): Promise<Pick<Deployment, "admin" | "reader">> {
  const create = async (role: string) => {
    const args = ["functions/cli/main.ts", "token", "create", "--role", role];
    return (
      await promisify(execFile)(process.execPath, args, { cwd: root, env: { PATH, ...env } })
    ).stdout.trim();
  };
  return { admin: await create("admin"), reader: await create("reader") };
}

/** A process of the service, in an environment of its own. */
export async function startProcess(given: Env): Promise<{ url: string; stop(): Promise<void> }> {
  const port = await freePort();
  const env = { PATH, IMS_PORT: String(port), ...given };
  const child = spawn(process.execPath, ["functions/runtime/node.ts"], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text) => (output = (output + String(text)).slice(-4000)));
  const url = `http://127.0.0.1:${port}`;
  await until("the service answers", async () => {
    if (child.exitCode !== null) throw new Error(`The service ended: ${output}`);
    return (await fetch(`${url}/healthz/ready`).catch(() => undefined))?.ok === true ? true : undefined;
  });
  return {
    url,
    async stop() {
      const ended = new Promise((resolve) => void child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** One process with all that it keeps in a folder of its own. */
export async function nodeDeployment(given: Env = {}): Promise<Deployment> {
  const folder = await tempFolder();
  const secret = path.join(folder, "secret");
  await writeFile(secret, SECRET, { mode: 0o600 });
  const env = { IMS_DATA: folder, IMS_SECRET_FILE: secret, IMS_AUTH: "token", IMS_MAX_JOBS: "0", ...given };
  const made = await tokens(env);
  const service = await startProcess(env);
  return {
    ...made,
    url: service.url,
    async stop() {
      await service.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What functions are told, on storage in LocalStack that is theirs alone. */
export function functionEnv(storage: FreshStorage): Env {
  const { IMS_RECORDS: _records, IMS_ARTIFACTS: _artifacts, ...where } = localstackEnv(storage);
  return { ...where, IMS_SECRET: SECRET, IMS_AUTH: "token", IMS_MAX_JOBS: "0" };
}

/** Tokens for functions, made by the command of a machine that shares their store and secret. */
export async function functionTokens(storage: FreshStorage): Promise<Pick<Deployment, "admin" | "reader">> {
  const folder = await tempFolder();
  try {
    const secret = path.join(folder, "secret");
    await writeFile(secret, SECRET, { mode: 0o600 });
    return await tokens({ IMS_DATA: folder, IMS_SECRET_FILE: secret, ...localstackEnv(storage) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A bundle of `npm run build`, which `npm run test:functions` runs first. */
export const functionBundle = (name: string): string => path.join(root, "dist/functions", `${name}.mjs`);
export const WORKER_BUNDLE = path.join(root, "dist/worker/all.mjs");

/** A process that shares the functions' store and runs the jobs, as functions need one. */
export async function jobsProcess(storage: FreshStorage, env: Env = {}) {
  const folder = await tempFolder();
  const secret = path.join(folder, "secret");
  await writeFile(secret, SECRET, { mode: 0o600 });
  const service = await startProcess({
    IMS_DATA: folder,
    IMS_SECRET_FILE: secret,
    IMS_AUTH: "token",
    IMS_MAX_JOBS: "0",
    ...localstackEnv(storage),
    ...env,
  });
  return {
    ...service,
    async stop() {
      await service.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Each endpoint as a function of its own, and the process that runs the jobs. */
export async function lambdaDeployment(more: { only?: string; env?: Env; userArn?: string } = {}) {
  const storage = freshStorage();
  const made = await functionTokens(storage);
  const jobs = await jobsProcess(storage);
  let said = "";
  const { env, ...rest } = more;
  const emulator = await startEmulator({
    bundleOf: functionBundle,
    env: { PATH, ...functionEnv(storage), ...env },
    say: (text) => (said += text),
    ...rest,
  });
  return {
    ...made,
    storage,
    url: emulator.url,
    run: emulator.run,
    said: () => said,
    async stop() {
      await emulator.stop();
      await jobs.stop();
    },
  };
}

/** All endpoints as one Worker, and the process that runs the jobs. */
export async function workerDeployment(more: { env?: Env } = {}) {
  const storage = freshStorage();
  const made = await functionTokens(storage);
  const script = await readFile(WORKER_BUNDLE, "utf8");
  const bindings = { ...functionEnv(storage), ...more.env };
  const [jobs, workerd] = [await jobsProcess(storage), await startWorkerd({ script, bindings })];
  return {
    ...made,
    ...workerd,
    async stop() {
      await workerd.stop();
      await jobs.stop();
    },
  };
}
