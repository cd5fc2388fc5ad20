import { randomBytes, randomUUID } from "node:crypto";
import { createMemoryArtifacts } from "../../adapters/artifacts/memory.ts";
import { createMemoryUploads } from "../../adapters/artifacts/memory-uploads.ts";
import { createMemoryJobLogs } from "../../adapters/job-logs/memory.ts";
import { createMemoryRecords } from "../../adapters/records/memory.ts";
import { createHmacSigner } from "../../adapters/signer/hmac.ts";
import { createIms } from "../../core/ims.ts";
import type { Ports } from "../../core/ports/index.ts";
import type { TelemetryEvent } from "../../core/ports/telemetry.ts";
import type { Settings } from "../../core/settings.ts";
import { AGENT_ENDPOINTS, ENDPOINTS } from "../../functions/endpoints.ts";
import { type Authenticator, createOpenAuthenticator } from "../../functions/http/auth.ts";
import { serve, type ServeOptions } from "../../functions/http/serve.ts";
import { documented } from "./api-contract.ts";
import type { Json } from "./json.ts";
import { createScriptedRunner } from "./runner.ts";
import { testSettings } from "./settings.ts";
import { heldToUses, watched } from "./uses.ts";

/** A whole service in memory, with a clock that stands still until a test moves it. */
export function createTestService(
  jobs: Partial<Settings["jobs"]> = {},
  replace: Partial<Ports> = {},
  authenticator?: (ports: Ports) => Authenticator,
  more: Partial<Settings> = {},
) {
  const time = { now: Date.parse("2026-06-15T12:00:00.000Z") };
  const events: TelemetryEvent[] = [];
  const signer = createHmacSigner(new Uint8Array(32).fill(7));
  const clock = {
    now: () => time.now,
    // A pause before a retry passes at once; a limit is never reached by itself.
    sleep: async (milliseconds: number, signal?: AbortSignal) =>
      await new Promise<void>((resolve, reject) => {
        signal?.addEventListener("abort", () => reject(new Error("no longer waited for")));
        if (milliseconds <= 500) setImmediate(resolve);
      }),
  };
  const runner = createScriptedRunner();
  const artifacts = createMemoryArtifacts({ signer, clock, publicUrl: () => "http://localhost" });
  const uploads = createMemoryUploads({ artifacts, signer, clock, publicUrl: () => "http://localhost" });
  const ports: Ports = {
    records: createMemoryRecords(),
    artifacts,
    uploads,
    logs: createMemoryJobLogs(),
    runners: [runner],
    clock,
    ids: { uuid: () => randomUUID(), secret: () => randomBytes(32).toString("base64url"), random: () => 0.5 },
    signer,
    telemetry: { emit: (event) => events.push(event) },
    ...replace,
  };
  const settings = { ...testSettings(jobs), ...more };
  const ims = createIms(heldToUses(ports), settings);
  const serving: ServeOptions = {
    ims,
    services: {
      version: "1.2.3",
      openapi: async () => ({ openapi: "3.1.0" }),
      signedUrls: artifacts,
      artifacts: ports.artifacts,
      parts: uploads,
    },
    authenticator: authenticator?.(ports) ?? createOpenAuthenticator(),
    telemetry: ports.telemetry,
    now: clock.now,
    newId: () => randomUUID(),
  };
  const served = serve(ENDPOINTS.map(watched), serving);
  const forAgents = serve(AGENT_ENDPOINTS.map(watched), serving);
  const app: App = {
    request: (path: string, init?: RequestInit) => documented(path, init, served.request(path, init)),
  };
  return { app, forAgents, ims, ports, settings, runner, events, time, ...client(app) };
}

/** Every answer is held to the description of the API. */
interface App {
  request(path: string, init?: RequestInit): Promise<Response>;
}

/** Short words for requests: `body` is sent as JSON, answers are parsed. */
function client(app: App) {
  async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const response = await app.request(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    });
    const text = await response.text();
    const isJson = /json/u.test(response.headers.get("content-type") ?? "");
    const json: Json = isJson && text !== "" ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, text, json };
  }
  return {
    call,
    get: (path: string, headers?: Record<string, string>) => call("GET", path, undefined, headers),
    post: (path: string, body?: unknown) => call("POST", path, body),
    patch: (path: string, body?: unknown) => call("PATCH", path, body),
    remove: (path: string) => call("DELETE", path),
    put: async (
      path: string,
      bytes: string | Uint8Array<ArrayBuffer>,
      headers: Record<string, string> = {},
    ) => {
      const response = await app.request(path, { method: "PUT", body: bytes, headers });
      const text = await response.text();
      return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
    },
  };
}
export type TestService = ReturnType<typeof createTestService>;
