import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { JobRunner } from "../../core/ports/job-runner.ts";
import type { NodeProbe } from "../../core/ports/node-probe.ts";
import type { Records } from "../../core/ports/records.ts";
import type { Signer } from "../../core/ports/signer.ts";
import type { Telemetry } from "../../core/ports/telemetry.ts";
import type { Config, RunnerKind } from "../config.ts";
import { sshRunnerConfig } from "./ssh.ts";

export interface RunnerSurroundings {
  readonly serviceUrl: () => string;
  readonly agentEnv: Readonly<Record<string, string>>;
  /** What this machine cannot keep apart. */
  readonly onLack: (lack: string) => void;
  /** What a cluster lacks for jobs, or does not do any more, after the name of its runner. */
  readonly onTrouble: (trouble: {
    readonly runner: RunnerKind;
    readonly reason: string;
    readonly hint?: string;
  }) => void;
  readonly records: Records;
  readonly signer: Signer;
  readonly telemetry: Telemetry;
}

/** A runner, and how to let go of what it holds, such as connections. Running jobs go on. */
export interface OpenRunner {
  readonly runner: JobRunner;
  readonly nodeProbe?: NodeProbe;
  readonly close?: () => Promise<void>;
}

type Opener = (config: Config, surroundings: RunnerSurroundings) => Promise<OpenRunner>;

/** Each loads what it needs only when it is called. */
const OPENERS: Readonly<Record<RunnerKind, Opener>> = {
  local: openLocal,
  ssh: openSsh,
  kubernetes: openKubernetes,
};

/** The runners that the configuration names, in its order of preference. */
export async function openRunners(
  config: Config,
  surroundings: RunnerSurroundings,
): Promise<{
  readonly runners: readonly JobRunner[];
  readonly nodeProbe: NodeProbe | undefined;
  readonly close: () => Promise<void>;
}> {
  const open = await Promise.all(config.jobs.map((kind) => OPENERS[kind](config, surroundings)));
  return {
    runners: open.map(({ runner }) => runner),
    nodeProbe: open.map(({ nodeProbe }) => nodeProbe).find((probe) => probe !== undefined),
    async close() {
      for (const { close } of open) await close?.();
    },
  };
}

/** Jobs as processes of this machine. */
async function openLocal(config: Config, surroundings: RunnerSurroundings): Promise<OpenRunner> {
  const { createLocalRunner } = await import("../../adapters/job-runner/local/runner.ts");
  const { serviceUrl, agentEnv, onLack } = surroundings;
  const runner = createLocalRunner({
    workRoot: path.join(config.data, "work"),
    serviceUrl,
    agentCommand: [process.execPath, agentProgram()],
    agentEnv: { ...authorityOf(config), ...agentEnv },
    hidden: [config.data, config.secretFile, ...credentials(agentEnv["HOME"])],
    needed: programFiles(),
    onLack,
  });
  return { runner };
}

/** Jobs as pods of a cluster. */
async function openKubernetes(
  config: Config,
  { onTrouble, serviceUrl }: RunnerSurroundings,
): Promise<OpenRunner> {
  const { openKubernetesRunner } = await import("./kubernetes.ts");
  const runner = await openKubernetesRunner(config, {
    serviceUrl,
    onTrouble: (reason) => onTrouble({ runner: "kubernetes", reason }),
    onLack: ({ what, hint }) => onTrouble({ runner: "kubernetes", reason: what, hint }),
  });
  return { runner, close: async () => runner.close() };
}

/** Jobs as containers on remote build nodes. */
async function openSsh(config: Config, surroundings: RunnerSurroundings): Promise<OpenRunner> {
  if (config.ssh === undefined) throw new Error("There is no key for remote build nodes.");
  const { createSshRunner } = await import("../../adapters/job-runner/ssh/runner.ts");
  const runner = createSshRunner(sshRunnerConfig(config, config.ssh, surroundings));
  return { runner, nodeProbe: runner, close: async () => runner.close() };
}

/** Agents fetch from S3 by signed URLs, and must trust whom the service trusts. */
function authorityOf({ artifacts }: Config): Record<string, string> {
  if (artifacts.kind !== "s3" || artifacts.aws.caFile === undefined) return {};
  return { NODE_EXTRA_CA_CERTS: path.resolve(artifacts.aws.caFile) };
}

/** In source in a folder beside this one; in a bundle beside the server. */
function agentProgram(): string {
  const { url } = import.meta;
  return fileURLToPath(new URL(url.endsWith(".ts") ? "../agent/main.ts" : "agent.mjs", url));
}

/** The agent's program, in case it lies in the data folder. */
function programFiles(): readonly string[] {
  const here = path.dirname(fileURLToPath(import.meta.url));
  if (!import.meta.url.endsWith(".ts")) return [process.execPath, here];
  const root = path.join(here, "../..");
  const parts = ["package.json", "node_modules", "core", "adapters", "functions"];
  return [process.execPath, ...parts.map((part) => path.join(root, part))];
}

/** Where tools keep what opens other doors for the service's user. */
function credentials(home: string | undefined): readonly string[] {
  if (home === undefined) return [];
  const names = [".ssh", ".aws", ".azure", ".kube", ".docker", ".netrc", ".config/gcloud"];
  return names.map((name) => path.join(home, name));
}
