import { onTestFinished } from "vitest";
import { type Call, type Fault, startFaultProxy } from "./faults/proxy.ts";
import { localstack } from "./localstack.ts";

/** Those that a store gets over, for whoever asks again. */
export const PASSING_S3_FAULTS: readonly Fault[] = [
  "throttled",
  "500",
  "a proxy's page",
  "refused",
  "answer lost",
  "answer cut",
];

interface Hooks {
  /** What befalls the request; may wait, so that others can do something meanwhile. */
  readonly before?: (request: Call) => Fault | undefined | Promise<Fault | undefined>;
  /** Once S3 has answered and the client has not. */
  readonly after?: (request: Call) => unknown;
}

/** Stands between a store and S3 until the test ends. */
export async function s3Proxy(hooks: Hooks = {}): Promise<{ url: string; requests: Call[] }> {
  const proxy = await startFaultProxy(localstack().endpoint, hooks.after);
  proxy.watch(hooks.before);
  onTestFinished(() => proxy.close());
  return { url: proxy.url, requests: proxy.calls() };
}
