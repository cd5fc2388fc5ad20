import process from "node:process";
import { createSystemClock } from "../adapters/clock/system.ts";
import { createSystemIds } from "../adapters/ids/system.ts";
import { createLineTelemetry } from "../adapters/telemetry/lines.ts";
import { auditObjects, type Drift } from "../core/artifacts/audit.ts";
import { auditedTokens } from "../core/auth/audited-tokens.ts";
import { createTokens, type Tokens } from "../core/auth/tokens.ts";
import { createIms, type Ims } from "../core/ims.ts";
import type { Ports } from "../core/ports/index.ts";
import type { Telemetry } from "../core/ports/telemetry.ts";
import { openAuthenticator } from "./compose/authenticator.ts";
import { openapi } from "./compose/openapi.ts";
import { openRunners } from "./compose/runners.ts";
import { openArtifacts, openJobLogs, openRecords, openSigner, prepareStorage } from "./compose/stores.ts";
import type { Config } from "./config.ts";
import type { ServeOptions } from "./http/serve.ts";

/** The service put together, ready to be served. */
export interface Composition {
  readonly ims: Ims;
  readonly serving: Omit<ServeOptions, "incoming">;
  /** Moves objects that no request waits for any more. Never throws. */
  readonly settling: (ending: AbortSignal) => Promise<void>;
  /** Looks at the remote build nodes. Never throws. */
  readonly watchingNodes: () => Promise<void>;
  /** What keeps the store tidy, to be done now and then. Never throws. */
  readonly housekeeping: (ending: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface Surroundings {
  readonly telemetry: Telemetry;
  readonly version: string;
  /** Where users and where agents reach the service; asked only once it listens. */
  readonly publicUrl: () => string;
  readonly serviceUrl: () => string;
  /** Called when a job may be due. */
  readonly wake: () => void;
  /** For agents: PATH, proxies and the like. Nothing secret. */
  readonly agentEnv: Readonly<Record<string, string>>;
}

/** The single place where ports meet their adapters. @throws naming each table and bucket that is missing */
export async function compose(config: Config, surroundings: Surroundings): Promise<Composition> {
  const { telemetry, publicUrl, serviceUrl, agentEnv, version } = surroundings;
  const clock = createSystemClock();
  const ids = createSystemIds();
  await prepareStorage(config);
  const signer = await openSigner(config);
  const records = await openRecords(config);
  const store = await openArtifacts(config, { signer, publicUrl, agentUrl: serviceUrl, clock });
  const logs = await openJobLogs(config);
  const onLack = (lack: string) =>
    telemetry.emit({ event: "isolation-lacks", level: "warn", jobsRunWithout: lack });
  const {
    runners,
    nodeProbe,
    close: closeRunners,
  } = await openRunners(config, {
    serviceUrl,
    agentEnv,
    onLack,
    onTrouble: (trouble) => telemetry.emit({ event: "runner-trouble", level: "warn", ...trouble }),
    records,
    signer,
    telemetry,
  });
  const { artifacts, uploads, signedUrls, parts } = store;
  const ports: Ports = {
    records,
    artifacts,
    uploads,
    logs,
    runners,
    nodeProbe,
    clock,
    ids,
    signer,
    telemetry,
  };
  const ims = createIms(ports, { ...config.settings, serviceVersion: version }, surroundings.wake);
  return {
    ims,
    serving: {
      ims,
      services: { version, openapi, signedUrls, artifacts, parts },
      authenticator: await openAuthenticator(config.auth, { records, signer, ids, clock }),
      telemetry,
      now: () => clock.now(),
      newId: () => ids.uuid(),
    },
    settling: (ending) => told(telemetry, "settle", ims.settle(ending)),
    watchingNodes: () => ims.remoteBuildNodes.watch(),
    housekeeping: (ending) => tidy(ims, telemetry, ending, store.sweep),
    async close() {
      await closeRunners();
      await records.close();
    },
  };
}

/** Where a program's own lines go whose output is its result. */
const STANDARD_ERROR = 2;

/** The tokens of a store, for a program that is not the service itself. */
export async function openTokens(config: Config): Promise<{ tokens: Tokens; close: () => Promise<void> }> {
  await prepareStorage(config);
  const signer = await openSigner(config);
  const records = await openRecords(config);
  const tokens = createTokens({ records, signer, ids: createSystemIds(), clock: createSystemClock() });
  const telemetry = createLineTelemetry("info", STANDARD_ERROR);
  const close = async (): Promise<void> => {
    await records.close();
    await telemetry.flush();
  };
  return { tokens: auditedTokens(tokens, telemetry, `cli:uid=${process.getuid?.() ?? "unknown"}`), close };
}

/** The drift of a store, for a program that is not the service itself; also while the service runs. Makes no storage. */
export async function audit(config: Config): Promise<Drift> {
  const signer = await openSigner(config);
  const records = await openRecords(config);
  try {
    const clock = createSystemClock();
    const { artifacts } = await openArtifacts(config, { signer, publicUrl: () => "", clock });
    return await auditObjects({ records, artifacts }, config.settings.buckets);
  } finally {
    await records.close();
  }
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
