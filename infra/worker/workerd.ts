// A Worker in workerd itself, the program that Cloudflare runs: for trying it, and for tests.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { readWranglerConfig } from "./wrangler-config.ts";
import { freePort } from "../../adapters/process/free-port.ts";

export interface WorkerdOptions {
  /** The Worker's bundle, as text. */
  readonly script: string;
  /** Variables and secrets. */
  readonly bindings: Readonly<Record<string, string>>;
  readonly say?: (text: string) => void;
}

export interface Workerd {
  readonly url: string;
  /** Does what the schedule starts. @throws when it fails */
  runSchedule(): Promise<void>;
  stop(): Promise<void>;
}

const START_MS = 30_000;
/** The program itself, which npm brings for this machine's kind of processor. */
const PROGRAM = path.join(
  import.meta.dirname,
  `../../node_modules/@cloudflare/workerd-linux-${process.arch === "arm64" ? "arm64" : "64"}/bin/workerd`,
);
/** Where the harness around the Worker takes the place of Cloudflare's clock. */
const SCHEDULE = "/cdn-cgi/schedule";

const HARNESS = `import worker from "worker";
export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== "${SCHEDULE}") return await worker.fetch(request, env, ctx);
    await worker.scheduled({ scheduledTime: 0, cron: "* * * * *" }, env, ctx);
    return new Response(null, { status: 204 });
  },
};
`;

/** Secrets come by the environment, so that they stand in no file. */
function configOf(port: number, names: readonly string[]): string {
  const { compatibility_date, compatibility_flags } = readWranglerConfig();
  const bindings = names.map((name) => `(name = "${name}", fromEnvironment = "${name}")`);
  const flags = compatibility_flags.map((flag) => `"${flag}"`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "ims", worker = .worker),
    (name = "internet", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "ims")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "harness", esModule = embed "harness.mjs"),
    (name = "worker", esModule = embed "worker.mjs"),
  ],
  compatibilityDate = "${compatibility_date}",
  compatibilityFlags = [${flags.join(", ")}],
  bindings = [${bindings.join(", ")}],
);
`;
}

export async function startWorkerd({ script, bindings, say }: WorkerdOptions): Promise<Workerd> {
  const folder = await mkdtemp(path.join(tmpdir(), "ims-workerd-"));
  const port = await freePort();
  await writeFile(path.join(folder, "worker.mjs"), script);
  await writeFile(path.join(folder, "harness.mjs"), HARNESS);
  await writeFile(path.join(folder, "config.capnp"), configOf(port, Object.keys(bindings)));
  const child = spawn(PROGRAM, ["serve", path.join(folder, "config.capnp")], {
    env: { ...bindings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text: Buffer) => {
      output = (output + text.toString()).slice(-4000);
      say?.(text.toString());
    });
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await answering(url, child);
  } catch (error) {
    await stop();
    throw new Error(`The Worker does not start: ${output}`, { cause: error });
  }
  return {
    url,
    async runSchedule() {
      const { status } = await fetch(url + SCHEDULE);
      if (status !== 204) throw new Error(`The schedule's work failed: ${output}`);
    },
    stop,
  };
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`workerd ended with exit code ${child.exitCode}.`);
    const answer = await fetch(`${url}/healthz/live`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer !== undefined) return;
    if (performance.now() > deadline) throw new Error("It does not answer.");
    await sleep(50);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => void child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}
