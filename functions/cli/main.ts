#!/usr/bin/env node
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createApiClient } from "../../adapters/api/client.ts";
import { createLocalRunner } from "../../adapters/job-runner/local/runner.ts";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { runCli } from "./cli.ts";
import { auditCommand } from "./audit.ts";
import { demoCommand } from "./demo/demo.ts";
import { doctorCommand } from "./doctor.ts";
import { audit, openTokens } from "../compose.ts";
import { createBackups } from "../compose/backup.ts";
import { createMigrate } from "../compose/migrate.ts";
import { diagnose } from "../compose/doctor.ts";
import { readConfig } from "../config.ts";
import { VERSION } from "../runtime/version.ts";
import { exportCommand } from "./export.ts";
import { importCommand } from "./import.ts";
import { migrateCommand } from "./migrate.ts";
import { createTerminal } from "./terminal.ts";
import { tokenCommand } from "./token.ts";

/** The demo needs the recipe and the set-up of the project's folder, which a bundle does not have. */
const inProject = import.meta.url.endsWith(".ts");
const COMMANDS = [
  auditCommand,
  ...(inProject ? [demoCommand] : []),
  doctorCommand,
  exportCommand,
  importCommand,
  migrateCommand,
  tokenCommand,
];
/** A service that is told to stop finishes its requests first. */
const GRACE_MS = 20_000;
/** Ctrl-C can arrive more than once, by the terminal and through npm; later ones mean that the user has had enough. */
const SAME_SIGNAL_MS = 2000;

function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  let first: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      first ??= performance.now();
      if (performance.now() - first > SAME_SIGNAL_MS) process.exit(130);
      stop.abort(new Error("interrupted"));
    });
  }
  return stop.signal;
}

const environment = plainEnvironment(process.env);

process.exitCode = await runCli(
  COMMANDS,
  {
    terminal: createTerminal(process.stdout, process.stderr),
    run: createRunCommand({ env: environment, grace: GRACE_MS }),
    home: join(dirname(fileURLToPath(import.meta.url)), "../.."),
    signal: stopOnSignals(),
    openTokens: () => openTokens(readConfig(process.env, process.arch)),
    audit: () => audit(readConfig(process.env, process.arch)),
    doctor: (options) => diagnose(readConfig(process.env, process.arch), options),
    backups: createBackups(() => readConfig(process.env, process.arch), VERSION, process.stdout),
    migrate: createMigrate(process.env, process.arch),
    demo: {
      connect: (url, signal) => createApiClient({ url, signal }),
      leftovers: async (data) => {
        const runner = createLocalRunner({
          workRoot: join(data, "work"),
          serviceUrl: () => "",
          agentCommand: [process.execPath],
          agentEnv: environment,
        });
        return (await runner.leftovers()).map(({ jobId }) => jobId);
      },
      arch: process.arch,
      environment: Object.fromEntries(
        Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
      node: process.execPath,
    },
  },
  process.argv.slice(2),
);
