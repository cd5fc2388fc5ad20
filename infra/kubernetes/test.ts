// The tests that need a cluster: npm run test:kubernetes [-- vitest's arguments]
import { readFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import * as v from "valibot";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { wholeEnvironment } from "../localstack/environment.ts";

const HELP = `KUBECONFIG=FILE npm run test:kubernetes [-- [--long] [vitest's arguments]]

Runs the tests in test/kubernetes on the cluster that KUBECONFIG names, each in a namespace of its own, which goes with
it. Any cluster will do whose pods reach this machine and whose node ports this machine reaches, such as kind or k3s:

  kind create cluster --kubeconfig FILE
  k3s server                                # KUBECONFIG=/etc/rancher/k3s/k3s.yaml

With --long: the matrix of phases and faults instead, which takes long.

The agent's image, one of:
  IMS_AGENT_IMAGE   names it, where the nodes have it or can fetch it
  IMS_LOAD_IMAGE    a program that brings a container archive to the nodes, which is its argument: the image is built
                    from this checkout, and handed to it. For kind: a script with kind load image-archive "$1"
`;
const STOP_LIMIT_MS = 30_000;
const root = path.join(import.meta.dirname, "../..");

const say = (line: string) => void process.stdout.write(`${line}\n`);

interface Running {
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

async function exitCodeOf(file: string, args: readonly string[], { env, signal }: Running): Promise<number> {
  const run = createRunCommand({ env, grace: STOP_LIMIT_MS });
  return (await run({ file, args, cwd: root, onLine: say, signal })).exitCode;
}

const Built = v.object({ reference: v.string() });

/** Builds the agent's image of this checkout and brings it to the nodes. */
async function loadedImage(loader: string, running: Running): Promise<string> {
  const folder = path.join(root, "dist/containers");
  const storage = ["--storage", path.join(folder, "storage")];
  const build = [path.join(root, "infra/containers/build.ts"), "agent", "--if-changed", ...storage];
  if ((await exitCodeOf(process.execPath, build, running)) !== 0)
    throw new Error("The agent's image could not be built.");
  if ((await exitCodeOf(loader, [path.join(folder, "agent.tar")], running)) !== 0)
    throw new Error(`${loader} did not take the agent's image.`);
  const facts: unknown = JSON.parse(await readFile(path.join(folder, "agent.json"), "utf8"));
  return v.parse(Built, facts).reference;
}

async function main(args: readonly string[]): Promise<number> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => stop.abort(new Error("interrupted")));
  const { IMS_AGENT_IMAGE: given, IMS_LOAD_IMAGE: loader, KUBECONFIG: kubeconfig } = process.env;
  if (args.includes("--help") || kubeconfig === undefined || (given === undefined && loader === undefined)) {
    process.stdout.write(HELP);
    return args.includes("--help") ? 0 : 1;
  }
  const running = { env: wholeEnvironment(), signal: stop.signal };
  const image = given ?? (await loadedImage(loader ?? "", running));
  say(`Jobs run as ${image}.`);
  const env = { ...running.env, IMS_AGENT_IMAGE: image };
  const project = args.includes("--long") ? "kubernetes-long" : "kubernetes";
  const rest = args.filter((word) => word !== "--long");
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
  const words = [vitest, "run", "--project", project, ...rest];
  return await exitCodeOf(process.execPath, words, { ...running, env });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
