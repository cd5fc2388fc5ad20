import type { AddressInfo } from "node:net";
import process from "node:process";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createLineTelemetry } from "../../adapters/telemetry/lines.ts";
import { compose } from "../compose.ts";
import { type Config, ConfigError, readConfig } from "../config.ts";
import { AGENT_ENDPOINTS, ENDPOINTS } from "../endpoints.ts";
import type { Endpoint } from "../http/endpoint.ts";
import { serve } from "../http/serve.ts";
import { type Loop, startLoop } from "../reconcile.ts";
import { incoming } from "./incoming.ts";
import { type Address, agentUrlOf, listenAt, ListenError, type Listener, urlOf } from "./listen.ts";
import { VERSION } from "./version.ts";

const RECONCILE_MS = 2000;
const SETTLE_MS = 2000;
/** A node that is registered or comes back is there for jobs so soon. */
const NODES_MS = 5000;
const HOUSEKEEPING_MS = 60_000;
/** Signals within this time are one. */
const SAME_SIGNAL_MS = 2000;

const HELP = `ims: the Image Management Service as one process.

Usage: npm start
It needs no configuration: it listens on 127.0.0.1:9100 and keeps everything under ./data.
Environment, all optional (README has the full table):
  IMS_HOST, IMS_PORT        where it listens
  IMS_DATA                  where records, artifacts, logs and work folders are kept
  IMS_MAX_JOBS              jobs running at once
  IMS_LOG_LEVEL             info, warn or error
  IMS_AGENT_HOST, _PORT     a second address, for agents alone, which come from elsewhere
SIGTERM and SIGINT stop it cleanly; running jobs go on and are found again at the next start.
`;

async function run(config: Config): Promise<void> {
  const telemetry = createLineTelemetry(config.logLevel);
  const loops: Loop[] = [];
  let [url, forAgents] = ["", ""];
  const wake = () => loops[0]?.wake();
  const composition = await compose(config, {
    telemetry,
    version: VERSION,
    publicUrl: () => config.publicUrl ?? url,
    serviceUrl: () => config.agentUrl ?? forAgents,
    wake,
    agentEnv: { ...plainEnvironment(process.env), ...config.agentEnv },
  });
  const listeners: Listener[] = [];
  const listen = async (endpoints: readonly Endpoint[], address: Address): Promise<AddressInfo> => {
    const app = serve(endpoints, { ...composition.serving, incoming });
    const listener = await listenAt(app, address, telemetry);
    listeners.push(listener);
    return listener.info;
  };
  const stop = async () => {
    composition.ims.jobLogs.endFollowing();
    await Promise.all([...listeners, ...loops].map((one) => one.stop()));
    await composition.close();
    await telemetry.flush();
  };
  try {
    const agents = config.agentListener && (await listen(AGENT_ENDPOINTS, config.agentListener));
    const info = await listen(ENDPOINTS, config);
    url = agentUrlOf(info);
    forAgents = agents === undefined ? url : agentUrlOf(agents);
    announce(info, agents);
  } catch (error) {
    await stop();
    throw error;
  }
  loops.push(startLoop(() => composition.ims.reconciler.tick(), RECONCILE_MS));
  loops.push(startLoop(composition.watchingNodes, NODES_MS));
  loops.push(startLoop(composition.settling, SETTLE_MS));
  loops.push(startLoop(composition.housekeeping, HOUSEKEEPING_MS));
  stopOnSignals(stop);
}

function announce(info: AddressInfo, agents: AddressInfo | undefined): void {
  const shown = urlOf(info);
  process.stdout.write(`IMS listens on ${shown}\nIts API is described at ${shown}/openapi.json\n`);
  if (agents !== undefined) process.stdout.write(`It listens for agents on ${urlOf(agents)}\n`);
}

function stopOnSignals(stop: () => Promise<void>): void {
  let stoppingSince: number | undefined;
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => {
      // A second signal means: at once. But one that goes to a whole process group also arrives through npm.
      if (stoppingSince !== undefined && performance.now() - stoppingSince > SAME_SIGNAL_MS) process.exit(1);
      if (stoppingSince !== undefined) return;
      stoppingSince = performance.now();
      process.stdout.write("IMS is stopping; running jobs go on.\n");
      stop().then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`IMS did not stop cleanly: ${String(error)}\n`);
          process.exit(1);
        },
      );
    });
}

async function main(): Promise<void> {
  if (process.argv.includes("--help")) return void process.stdout.write(HELP);
  try {
    await run(readConfig(process.env, process.arch));
  } catch (error) {
    const known =
      error instanceof ConfigError ||
      error instanceof ListenError ||
      (error instanceof Error && error.name === "DomainError");
    process.stderr.write(`${known ? error.message : String(error instanceof Error ? error.stack : error)}\n`);
    process.exitCode = 1;
  }
}

await main();
