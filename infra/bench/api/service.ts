import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { freePort } from "../../../adapters/process/free-port.ts";
import { answered, end } from "../measure.ts";
import { type LoadPlan, LoadReport } from "./load.ts";

const LOAD = fileURLToPath(new URL("./load.ts", import.meta.url));
const BARE = fileURLToPath(new URL("./bare.ts", import.meta.url));
/** Of /proc/<pid>/stat. */
const TICKS_A_SECOND = 100;

/** A program that answers on a port of this machine. */
export interface Server {
  readonly port: number;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** The service on this folder, its log in a file beside the data. @throws when it does not come up */
export async function startService(
  root: string,
  data: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const port = await freePort();
  const log = openSync(`${data}.log`, "w");
  const env = {
    // As infra/run.mjs starts it.
    NODE_COMPILE_CACHE: path.join(root, "node_modules/.cache/node-compile"),
    PATH: process.env["PATH"],
    IMS_PORT: String(port),
    IMS_DATA: data,
    ...more,
  };
  const program = path.join(root, "functions/runtime/node.ts");
  const child = spawn(process.execPath, [...nodeOptions(root), program], {
    env,
    stdio: ["ignore", log, "inherit"],
  });
  closeSync(log);
  return await up(child, port, "/healthz/ready");
}

const Manifest = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ scripts: v.object({ start: v.pipe(v.string(), v.startsWith("node infra/run.mjs ")) }) }),
);

/** Those that `npm start` gives to Node. */
function nodeOptions(root: string): string[] {
  const { scripts } = v.parse(Manifest, readFileSync(path.join(root, "package.json"), "utf8"));
  return scripts.start.split(" ").filter((word) => word.startsWith("--"));
}

/** The least that can answer these bytes, with headers as long as the service's. */
export async function startBare(kind: "node" | "hono", body: Uint8Array, folder: string): Promise<Server> {
  const port = await freePort();
  const file = path.join(folder, `body-${port}`);
  writeFileSync(file, body);
  const headers = {
    "x-request-id": "00000000-0000-4000-8000-000000000000",
    "content-type": "application/json",
    etag: `"${"0".repeat(27)}"`,
  };
  const args = [BARE, kind, String(port), "200", file, JSON.stringify(headers)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  return await up(child, port, "/");
}

async function up(child: ChildProcess, port: number, path: string): Promise<Server> {
  const died = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`A server ended with ${code} before it answered.`)));
  });
  try {
    await Promise.race([answered(`http://127.0.0.1:${port}${path}`), died]);
  } catch (error) {
    await end(child);
    throw error;
  }
  died.catch(() => undefined); // from now on its end is wanted
  return { port, pid: child.pid ?? 0, stop: () => end(child) };
}

export interface Measured extends LoadReport {
  /** Of the server, all its threads and the kernel's work for it, for each answer. */
  readonly cpuMicroseconds: number;
}

/** Puts a server under load from a process of its own. @throws when an answer is not the one that is wanted */
export async function load(server: Server, plan: Omit<LoadPlan, "port">): Promise<Measured> {
  const before = cpuSeconds(server.pid);
  const child = spawn(process.execPath, [LOAD], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify({ ...plan, port: server.port }));
  let printed = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) printed += String(chunk);
  if (printed === "") throw new Error("The load generator failed; its reason is above.");
  const report = v.parse(v.pipe(v.string(), v.parseJson(), LoadReport), printed);
  return { ...report, cpuMicroseconds: ((cpuSeconds(server.pid) - before) / report.answers) * 1e6 };
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /su, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** One whole request, as it goes over the wire. */
export function requestText(
  method: string,
  path: string,
  headers: readonly string[] = [],
  body = "",
): string {
  return [`${method} ${path} HTTP/1.1`, "host: 127.0.0.1", ...headers, "", body].join("\r\n");
}

/** The same load on several servers in turn, so that all see the same machine; each list has the rounds' results. */
export async function inTurn<Name extends string>(
  servers: Readonly<Record<Name, Server>>,
  rounds: number,
  plan: Omit<LoadPlan, "port">,
): Promise<Record<Name, Measured[]>> {
  const names = v.parse(v.array(v.custom<Name>((name) => typeof name === "string")), Object.keys(servers));
  const results = new Map<Name, Measured[]>(names.map((name) => [name, []]));
  // Each has its code compiled by the time that counts.
  for (const name of names) await load(servers[name], { ...plan, seconds: 1 });
  for (let round = 0; round < rounds; round += 1)
    for (const name of names) results.get(name)?.push(await load(servers[name], plan));
  return v.parse(
    v.custom<Record<Name, Measured[]>>(() => true),
    Object.fromEntries(results),
  );
}
