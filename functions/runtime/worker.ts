// Cloudflare Worker: one endpoint or all of them, whatever `#endpoint` is. See wrangler.toml.
import endpoints from "#endpoint";
import { createConsoleTelemetry } from "../../adapters/telemetry/console.ts";
import { composeFunction, type FunctionComposition } from "../compose/function.ts";
import { openSecret } from "../compose/secret.ts";
import { ConfigError } from "../config.ts";
import { type FunctionConfig, readFunctionConfig } from "../config/function.ts";
import { problemOf, problemResponse } from "../http/problem.ts";
import { serve } from "../http/serve.ts";
import { patient, SWEEPS } from "../sweeps.ts";
import { VERSION } from "./version.ts";

/** Larger ones go to the object store, in parts. */
const MOST_REQUEST_BYTES = 4_194_304;
/** Cloudflare ends what a schedule started after 15 minutes. */
const SWEEP_MS = 14 * 60_000;

/** Variables and secrets by their names, and other bindings, which nobody asks for here. */
type Bindings = Readonly<Record<string, unknown>>;

let known: { readonly bindings: Bindings; readonly config: FunctionConfig } | undefined;

/** Read once: a Worker's bindings are the same in all of its requests. */
function configOf(bindings: Bindings): FunctionConfig {
  if (known?.bindings !== bindings)
    known = { bindings, config: readFunctionConfig(texts(bindings), "worker") };
  return known.config;
}

const texts = (bindings: Bindings): Record<string, string> =>
  Object.fromEntries(
    Object.entries(bindings).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  );

/** For one request alone: what one has begun, such as a connection, no other may use. */
async function open(config: FunctionConfig): Promise<FunctionComposition> {
  return await composeFunction(config, {
    telemetry: createConsoleTelemetry(config.logLevel),
    version: VERSION,
    secret: await openSecret(config.secret),
  });
}

async function answer(request: Request, bindings: Bindings): Promise<Response> {
  const composition = await open(configOf(bindings));
  const carriage = { maxRequestBytes: MOST_REQUEST_BYTES };
  return await serve([endpoints].flat(), { ...composition.serving, carriage }).fetch(request);
}

/** A configuration that cannot be used is told whoever looks at the log, not whoever asks. */
function refuse(error: unknown): Response {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  return problemResponse(problemOf(500, "This Worker is not configured: its log says what is wrong."));
}

export default {
  fetch: (request: Request, bindings: Bindings): Promise<Response> => answer(request, bindings).catch(refuse),

  /** Started each minute: whatever is due then. */
  async scheduled({ scheduledTime }: { readonly scheduledTime: number }, bindings: Bindings): Promise<void> {
    const composition = await open(patient(configOf(bindings), SWEEP_MS / 1000));
    const minute = Math.floor(scheduledTime / 60_000);
    const ending = AbortSignal.timeout(SWEEP_MS);
    for (const { everyMinutes, run } of Object.values(SWEEPS))
      if (minute % everyMinutes === 0) await run(composition, ending);
  },
};
