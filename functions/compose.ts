import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createFileArtifacts } from "../adapters/artifacts/files/artifacts.ts";
import { sweepFileArtifacts } from "../adapters/artifacts/files/sweep.ts";
import { createSystemClock } from "../adapters/clock/system.ts";
import { createSystemIds } from "../adapters/ids/system.ts";
import { createFileJobLogs } from "../adapters/job-logs/files.ts";
import { createLocalRunner } from "../adapters/job-runner/local/runner.ts";
import { createSqliteRecords } from "../adapters/records/sqlite.ts";
import { createHmacSigner } from "../adapters/signer/hmac.ts";
import { loadOrCreateSecret } from "../adapters/signer/secret-file.ts";
import { auditObjects, type Drift } from "../core/artifacts/audit.ts";
import { DomainError } from "../core/errors.ts";
import { createIms, type Ims } from "../core/ims.ts";
import { createTokens, type TokenPorts, type Tokens } from "../core/auth/tokens.ts";
import type { Ports } from "../core/ports/index.ts";
import type { Telemetry } from "../core/ports/telemetry.ts";
import type { AuthConfig, Config } from "./config.ts";
import {
  type Authenticator,
  bearerToken,
  createGatewayAuthenticator,
  createOpenAuthenticator,
  createTokenAuthenticator,
} from "./http/auth.ts";
import type { ServeOptions } from "./http/serve.ts";

/** The service put together, ready to be served. */
export interface Composition {
  readonly ims: Ims;
  readonly serving: Omit<ServeOptions, "incoming">;
  /** Moves objects that no request waits for any more. Never throws. */
  readonly settling: (ending: AbortSignal) => Promise<void>;
  /** What keeps the store tidy, to be done now and then. Never throws. */
  readonly housekeeping: (ending: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface Surroundings {
  readonly telemetry: Telemetry;
  readonly version: string;
  /** Where agents reach the service; asked only once it listens. */
  readonly serviceUrl: () => string;
  /** Called when a job may be due. */
  readonly wake: () => void;
  /** For agents: PATH, proxies and the like. Nothing secret. */
  readonly agentEnv: Readonly<Record<string, string>>;
}

/** The single place where ports meet their adapters. */
export async function compose(config: Config, surroundings: Surroundings): Promise<Composition> {
  const { telemetry, serviceUrl } = surroundings;
  const clock = createSystemClock();
  const ids = createSystemIds();
  const records = await createSqliteRecords({ path: recordsFile(config) });
  const signer = createHmacSigner(await loadOrCreateSecret(config.secretFile));
  const root = path.join(config.data, "artifacts");
  const artifacts = createFileArtifacts({ root, signer, publicUrl: serviceUrl, clock });
  const logs = createFileJobLogs({ root: path.join(config.data, "logs") });
  const runner = createLocalRunner({
    workRoot: path.join(config.data, "work"),
    serviceUrl,
    agentCommand: [process.execPath, agentProgram()],
    agentEnv: surroundings.agentEnv,
    hidden: [config.data, config.secretFile, ...credentials(surroundings.agentEnv["HOME"])],
    needed: programFiles(),
    onLack: (lack) => telemetry.emit({ event: "isolation-lacks", level: "warn", jobsRunWithout: lack }),
  });
  const ports: Ports = { records, artifacts, logs, runner, clock, ids, signer, telemetry };
  const settings = { ...config.settings, serviceVersion: surroundings.version };
  const ims = createIms(ports, settings, surroundings.wake);
  const services = { version: surroundings.version, openapi, signedUrls: artifacts, artifacts };
  return {
    ims,
    serving: {
      ims,
      services,
      authenticator: await authenticatorFor(config.auth, { records, signer, ids, clock }),
      telemetry,
      now: () => clock.now(),
      newId: () => ids.uuid(),
    },
    settling: (ending) => told(telemetry, "settle", ims.settle(ending)),
    housekeeping: (ending) => tidy(ims, telemetry, ending, () => sweepFileArtifacts({ root, clock })),
    close: () => records.close(),
  };
}

/** In source below this folder; in a bundle beside the server. */
function agentProgram(): string {
  const { url } = import.meta;
  return fileURLToPath(new URL(url.endsWith(".ts") ? "agent/main.ts" : "agent.mjs", url));
}

/** The agent's program, in case it lies in the data folder. */
function programFiles(): readonly string[] {
  const here = path.dirname(fileURLToPath(import.meta.url));
  if (!import.meta.url.endsWith(".ts")) return [process.execPath, here];
  const root = path.dirname(here);
  const parts = ["package.json", "node_modules", "core", "adapters", "functions"];
  return [process.execPath, ...parts.map((part) => path.join(root, part))];
}

/** Where tools keep what opens other doors for the service's user. */
function credentials(home: string | undefined): readonly string[] {
  if (home === undefined) return [];
  const names = [".ssh", ".aws", ".azure", ".kube", ".docker", ".netrc", ".config/gcloud"];
  return names.map((name) => path.join(home, name));
}

/** What verifies signatures is loaded only where it is used. */
async function authenticatorFor(auth: AuthConfig, ports: TokenPorts): Promise<Authenticator> {
  switch (auth.kind) {
    case "none":
      return createOpenAuthenticator();
    case "token":
      return createTokenAuthenticator(createTokens(ports));
    case "gateway":
      return createGatewayAuthenticator(auth);
    case "oidc": {
      const verify = (await import("../adapters/auth/oidc.ts")).createOidcVerifier(auth);
      return { authenticate: (request) => verify(bearerToken(request)) };
    }
  }
}

/** The tokens of a store, for a program that is not the service itself. */
export async function openTokens(config: Config): Promise<{ tokens: Tokens; close: () => Promise<void> }> {
  const records = await createSqliteRecords({ path: recordsFile(config) });
  const signer = createHmacSigner(await loadOrCreateSecret(config.secretFile));
  const tokens = createTokens({ records, signer, ids: createSystemIds(), clock: createSystemClock() });
  return { tokens, close: () => records.close() };
}

/** The drift of a store, for a program that is not the service itself; also while the service runs. */
export async function audit(config: Config): Promise<Drift> {
  const records = await createSqliteRecords({ path: recordsFile(config) });
  try {
    const signer = createHmacSigner(await loadOrCreateSecret(config.secretFile));
    const clock = createSystemClock();
    const root = path.join(config.data, "artifacts");
    const artifacts = createFileArtifacts({ root, signer, publicUrl: () => "", clock });
    return await auditObjects({ records, artifacts }, config.settings.buckets);
  } finally {
    await records.close();
  }
}

function recordsFile({ data, records, artifacts, jobLogs }: Config): string {
  if (records.kind !== "sqlite" || artifacts.kind !== "files" || jobLogs.kind !== "files")
    throw new DomainError("invalid", "DynamoDB and S3 cannot be used yet.");
  return path.join(data, "records.sqlite");
}

async function openapi(): Promise<unknown> {
  return (await import("../infra/openapi.json", { with: { type: "json" } })).default;
}

async function tidy(
  ims: Ims,
  telemetry: Telemetry,
  ending: AbortSignal,
  sweepFiles: () => Promise<unknown>,
): Promise<void> {
  for (const [what, work] of [
    ["recover", () => ims.recover(ending)],
    ["leftovers", () => ims.reconciler.sweep()],
    ["logs", () => ims.removeOldLogs(ending)],
    ["files", sweepFiles],
  ] as const)
    await told(telemetry, what, work());
}

async function told(telemetry: Telemetry, what: string, work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) =>
    telemetry.emit({ event: "housekeeping-failed", level: "error", what, reason: String(error) }),
  );
}
