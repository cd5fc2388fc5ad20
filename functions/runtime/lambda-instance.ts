import { AsyncLocalStorage } from "node:async_hooks";
import { createLineTelemetry } from "../../adapters/telemetry/lines.ts";
import { composeFunction, type FunctionComposition } from "../compose/function.ts";
import { openSecret } from "../compose/secret.ts";
import type { FunctionConfig } from "../config/function.ts";
import { VERSION } from "./version.ts";

/** What one instance of a function keeps as long as AWS keeps it. */
export interface LambdaInstance extends FunctionComposition {
  /** One call of the function: what is left of its work when it ends does no more harm, and its log is written. */
  invocation<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * AWS stops an instance between two calls, for hours maybe, wherever it is. A move of objects that no request waits for
 * any more would then go on when others have long done it, and undone it: nothing goes out for a call that has ended.
 */
export async function openLambda(config: FunctionConfig): Promise<LambdaInstance> {
  const calls = new AsyncLocalStorage<{ ended: boolean }>();
  const telemetry = createLineTelemetry(config.logLevel);
  const composition = await composeFunction(config, {
    telemetry,
    version: VERSION,
    secret: await openSecret(config.secret),
    mayCall: () => calls.getStore()?.ended !== true,
  });
  return {
    ...composition,
    async invocation(work) {
      const call = { ended: false };
      try {
        return await calls.run(call, work);
      } finally {
        call.ended = true;
        await telemetry.flush();
      }
    },
  };
}
