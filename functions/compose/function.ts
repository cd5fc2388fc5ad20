import { openAuthenticator } from "#authenticator";
import { createIms } from "#core";
import { openJobLogs } from "#logs";
import { openObjects } from "#objects";
import { openRecords } from "#records";
import { openapi } from "#openapi";
import { createSystemClock } from "../../adapters/clock/system.ts";
import { createSystemIds } from "../../adapters/ids/system.ts";
import { createHmacSigner } from "../../adapters/signer/hmac.ts";
import type { Ims } from "../../core/ims.ts";
import type { Ports } from "../../core/ports/index.ts";
import type { Telemetry } from "../../core/ports/telemetry.ts";
import type { FunctionConfig } from "../config/function.ts";
import type { ServeOptions } from "../http/serve.ts";
import { createTickets, type Tickets } from "../http/tickets.ts";

/** A function put together. */
export interface FunctionComposition {
  readonly ims: Ims;
  readonly serving: ServeOptions;
  /** For answers that one function cannot send and another can. */
  readonly tickets: Tickets;
  /** Removes what uploads left behind that were broken off. */
  readonly sweepObjects: () => Promise<unknown>;
}

export interface FunctionSurroundings {
  readonly telemetry: Telemetry;
  readonly version: string;
  readonly secret: Uint8Array;
  /** Whether calls may still go out for the request that wants them. Absent: always. */
  readonly mayCall?: () => boolean;
}

/** The composition root of functions. Opens no connection. */
export async function composeFunction(
  given: FunctionConfig,
  surroundings: FunctionSurroundings,
): Promise<FunctionComposition> {
  const { telemetry, version, secret } = surroundings;
  const config = guarded(given, surroundings.mayCall);
  const [clock, ids, signer] = [createSystemClock(), createSystemIds(), createHmacSigner(secret)];
  const records = await openRecords(config);
  const { artifacts, uploads, signedUrls, parts, sweep } = openObjects(config, clock);
  const ports: Ports = {
    records,
    artifacts,
    uploads,
    logs: openJobLogs(config),
    // A node process on the same store runs the jobs.
    runners: [],
    clock,
    ids,
    signer,
    telemetry,
  };
  const ims = createIms(ports, { ...config.settings, serviceVersion: version });
  const serving: ServeOptions = {
    ims,
    services: { version, openapi, signedUrls, artifacts, parts },
    authenticator: await openAuthenticator(config.auth, { records, signer, ids, clock }),
    telemetry,
    now: () => clock.now(),
    newId: () => ids.uuid(),
  };
  return {
    ims,
    serving,
    tickets: createTickets(signer, () => clock.now()),
    sweepObjects: sweep,
  };
}

/** The same, in which no call to a store goes out that may not. */
function guarded(config: FunctionConfig, mayCall: (() => boolean) | undefined): FunctionConfig {
  if (mayCall === undefined) return config;
  const { records, artifacts, jobLogs } = config;
  return {
    ...config,
    records: records.kind === "dynamodb" ? { ...records, aws: { ...records.aws, mayCall } } : records,
    artifacts: artifacts.kind === "s3" ? { ...artifacts, aws: { ...artifacts.aws, mayCall } } : artifacts,
    jobLogs: jobLogs.kind === "s3" ? { ...jobLogs, aws: { ...jobLogs.aws, mayCall } } : jobLogs,
  };
}
