import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { type AwsConfig, awsClientOptions } from "../../adapters/aws/options.ts";
import { listProcesses } from "../../adapters/process/process-table.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { freePort } from "../../adapters/process/free-port.ts";
import { wholeEnvironment } from "./environment.ts";

const HERE = import.meta.dirname;
const ROOT = path.join(HERE, "../..");
/** Goes with the dependencies, which bring it back in a minute. */
const CACHE = path.join(ROOT, "node_modules/.cache/ims-localstack");
const INSTALL_WAIT_SECONDS = 1200;
const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 15_000;
const ASK_EVERY_MS = 200;
const REGION = "us-east-1";
/** It takes any. */
const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" };

export interface LocalstackOrder {
  readonly say: (line: string) => void;
  /** Absent: a free one. */
  readonly port?: number;
  /** Gives up starting; one that is up is stopped by `stop`. */
  readonly signal: AbortSignal;
}

export interface Localstack {
  readonly endpoint: string;
  /** For our adapters. */
  readonly aws: AwsConfig;
  /** For the SDK's clients, and for a service. */
  readonly env: Readonly<Record<string, string>>;
  /** Resolves, with its last lines, when it has ended. */
  readonly ended: Promise<readonly string[]>;
  /** Resolves when none of its processes and files are left. */
  stop(): Promise<void>;
}

const awsAt = (endpoint: string): AwsConfig => ({
  region: REGION,
  endpoint,
  credentials: CREDENTIALS,
  forcePathStyle: true,
});

/** What clients and services must know of a LocalStack at this address. */
export function localstackEnvironment(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  };
}

/**
 * Starts LocalStack's S3 and DynamoDB on loopback, installing them first where they are missing. What they store is kept
 * in memory, and gone with them.
 * @throws when it cannot be installed, ends early or does not answer in time; nothing is left running then.
 */
export async function startLocalstack(order: LocalstackOrder): Promise<Localstack> {
  await install(order);
  const port = order.port ?? (await freePort());
  const endpoint = `http://127.0.0.1:${port}`;
  if (await isUp(endpoint)) throw new Error(`Something answers at ${endpoint} already.`);
  const folder = await mkdtemp(path.join(tmpdir(), "ims-localstack-"));
  const stopping = new AbortController();
  const ended = live(folder, port, stopping.signal);
  const stop = async () => {
    stopping.abort(new Error("stopped"));
    await ended;
    await killLeft(folder);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilUp(endpoint, ended, order.signal);
    return { endpoint, aws: awsAt(endpoint), env: localstackEnvironment(endpoint), ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** One at a time: the lock is the kernel's, and goes with its holder. */
async function install({ say, signal }: LocalstackOrder): Promise<void> {
  const run = createRunCommand({ env: wholeEnvironment() });
  const program = (...args: readonly string[]) =>
    run({ file: process.execPath, args, cwd: ROOT, onLine: say, signal });
  const tools = await program(path.join(ROOT, "infra/setup/build-tools.ts"), "localstack");
  if (tools.exitCode !== 0) throw new Error("LocalStack needs what is named above.");
  await mkdir(CACHE, { recursive: true });
  const locked = ["--wait", String(INSTALL_WAIT_SECONDS), path.join(CACHE, "lock")];
  const args = [...locked, process.execPath, path.join(HERE, "install.ts"), CACHE];
  const { exitCode } = await run({ file: "flock", args, cwd: ROOT, onLine: say, signal });
  if (exitCode !== 0) throw new Error("LocalStack could not be installed.");
}

/** Its processes until they end, on folders of their own. Never throws. */
async function live(folder: string, port: number, signal: AbortSignal): Promise<readonly string[]> {
  const state = path.join(folder, "var/lib/localstack");
  await mkdir(state, { recursive: true });
  await symlink(path.join(CACHE, "lib"), path.join(state, "lib"));
  const { PATH = "", HOME = "" } = process.env;
  const run = createRunCommand({ env: { PATH, HOME, LANG: "C.UTF-8" }, grace: STOP_LIMIT_MS });
  const env = {
    OVERRIDE_IN_DOCKER: "0",
    FILESYSTEM_ROOT: folder,
    XDG_CACHE_HOME: path.join(folder, "cache"),
    GATEWAY_LISTEN: `127.0.0.1:${port}`,
    SERVICES: "s3,dynamodb",
    EAGER_SERVICE_LOADING: "1",
    STRICT_SERVICE_LOADING: "1",
    DYNAMODB_IN_MEMORY: "1",
    DYNAMODB_HEAP_SIZE: "512m",
    DDB_LOCAL_TELEMETRY: "0",
    DISABLE_EVENTS: "1",
    SKIP_SSL_CERT_DOWNLOAD: "1",
    DNS_ADDRESS: "0",
    S3_SKIP_SIGNATURE_VALIDATION: "0",
    LS_LOG: "warning",
  };
  const args = [path.join(HERE, "serve.py")];
  const file = path.join(CACHE, "python/bin/python");
  const trouble = await run({ file, args, env, signal }).then(
    () => [],
    (error: unknown) => [String(error)],
  );
  const log = await readFile(path.join(folder, "log"), "utf8").catch(() => "");
  return [...log.trimEnd().split("\n").slice(-30), ...trouble];
}

/** DynamoDB's Java is in a session of its own, which outlives a LocalStack that had to be killed. */
async function killLeft(folder: string): Promise<void> {
  const mark = `FILESYSTEM_ROOT=${folder}`;
  for (const { pid, environment } of await listProcesses())
    if (environment.includes(mark)) process.kill(pid, "SIGKILL");
}

async function untilUp(
  endpoint: string,
  ended: Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const limit = AbortSignal.any([signal, over.signal, AbortSignal.timeout(START_LIMIT_MS)]);
  const early = ended.then((lines) => {
    throw new Error(`LocalStack ended before it was up:\n${lines.join("\n")}`);
  });
  const up = async () => {
    while (!(await isUp(endpoint))) await sleep(ASK_EVERY_MS, undefined, { signal: limit });
  };
  try {
    await Promise.race([up(), early]);
  } finally {
    over.abort();
    early.catch(() => undefined);
  }
}

/** LocalStack's own word on its health calls DynamoDB running whose Java has died: the services themselves are asked. */
async function isUp(endpoint: string): Promise<boolean> {
  const options = awsClientOptions(awsAt(endpoint), { maxAttempts: 1, idleMilliseconds: 3000 });
  const s3 = new S3Client({ ...options, forcePathStyle: true });
  const dynamodb = new DynamoDBClient(options);
  try {
    await s3.send(new ListBucketsCommand({}));
    await dynamodb.send(new ListTablesCommand({}));
    return true;
  } catch {
    return false;
  } finally {
    s3.destroy();
    dynamodb.destroy();
  }
}
