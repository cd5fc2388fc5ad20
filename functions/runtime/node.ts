import type { AddressInfo } from "node:net";
import process from "node:process";
import { type Http2Bindings, type HttpBindings, serve as listen, type ServerType } from "@hono/node-server";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createLineTelemetry } from "../../adapters/telemetry/lines.ts";
import type { Telemetry } from "../../core/ports/telemetry.ts";
import { compose } from "../compose.ts";
import { type Config, ConfigError, readConfig } from "../config.ts";
import { ENDPOINTS } from "../endpoints.ts";
import { serve } from "../http/serve.ts";
import { type Loop, startLoop } from "../reconcile.ts";
import { incoming } from "./incoming.ts";
import { sendDirectly } from "./outgoing.ts";
import { VERSION } from "./version.ts";

const RECONCILE_MS = 2000;
const SETTLE_MS = 2000;
const HOUSEKEEPING_MS = 60_000;
/** Requests under way at a stop get so long to finish. */
const DRAIN_MS = 10_000;
const IDLE_MS = 50;
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
SIGTERM and SIGINT stop it cleanly; running jobs go on and are found again at the next start.
`;

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

/** Agents of this machine reach a service that listens everywhere by loopback. */
function agentUrlOf(info: AddressInfo): string {
  if (info.address === "0.0.0.0") return urlOf({ ...info, address: "127.0.0.1" });
  return info.address === "::" ? urlOf({ ...info, address: "::1" }) : urlOf(info);
}

async function run(config: Config): Promise<void> {
  const telemetry = createLineTelemetry(config.logLevel);
  const loops: Loop[] = [];
  let url = "";
  const wake = () => loops[0]?.wake();
  const composition = await compose(config, {
    telemetry,
    version: VERSION,
    serviceUrl: () => config.agentUrl ?? url,
    wake,
    agentEnv: { ...plainEnvironment(process.env), ...config.agentEnv },
  });
  const app = serve(ENDPOINTS, { ...composition.serving, incoming });
  const fetch = async (request: Request, env: HttpBindings | Http2Bindings) => {
    const response = await app.fetch(request, env);
    return sendDirectly(response, env, telemetry);
  };
  const server = listen(
    { fetch, hostname: config.host, port: config.port, autoCleanupIncoming: false },
    (info) => {
      url = agentUrlOf(info);
      const shown = urlOf(info);
      process.stdout.write(`IMS listens on ${shown}\nIts API is described at ${shown}/openapi.json\n`);
      loops.push(startLoop(() => composition.ims.reconciler.tick(), RECONCILE_MS));
      loops.push(startLoop(composition.settling, SETTLE_MS));
      loops.push(startLoop(composition.housekeeping, HOUSEKEEPING_MS));
    },
  );
  tune(server);
  server.on("error", (error: NodeJS.ErrnoException) => {
    process.stderr.write(`${listenProblem(error, config)}\n`);
    process.exitCode = 1;
    void composition.close();
  });
  const stop = async () => {
    composition.ims.jobLogs.endFollowing();
    await Promise.all([drain(server, telemetry), ...loops.map((loop) => loop.stop())]);
    await composition.close();
    await telemetry.flush();
  };
  stopOnSignals(stop);
}

/** An upload may take hours; a client that never finishes its headers may not. */
function tune(server: ServerType): void {
  if (!("requestTimeout" in server)) return;
  server.requestTimeout = 0;
  server.headersTimeout = 60_000;
  server.keepAliveTimeout = 65_000;
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

async function drain(server: ServerType, telemetry: Telemetry): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  if (!("closeIdleConnections" in server)) return await closed;
  server.closeIdleConnections();
  // Connections on which a request was under way stay open when it is done: clients like to use them again.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_MS);
  const late = setTimeout(() => {
    telemetry.emit({ event: "requests-cut-off", level: "warn", seconds: DRAIN_MS / 1000 });
    server.closeAllConnections();
  }, DRAIN_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(late);
}

function listenProblem(error: NodeJS.ErrnoException, { host, port }: Config): string {
  if (error.code === "EADDRINUSE")
    return `Port ${port} of ${host} is taken. Stop what listens there, or choose another with IMS_PORT.`;
  if (error.code === "EACCES")
    return `Port ${port} may not be used by this user. Choose one above 1023 with IMS_PORT.`;
  return `IMS cannot listen on ${host}:${port}: ${error.message}`;
}

async function main(): Promise<void> {
  if (process.argv.includes("--help")) return void process.stdout.write(HELP);
  try {
    await run(readConfig(process.env, process.arch));
  } catch (error) {
    const known = error instanceof ConfigError || (error instanceof Error && error.name === "DomainError");
    process.stderr.write(`${known ? error.message : String(error instanceof Error ? error.stack : error)}\n`);
    process.exitCode = 1;
  }
}

await main();
