// AWS Lambda: the work that a process does now and then by itself, each part started by a schedule.
import process from "node:process";
import { readFunctionConfig } from "../config/function.ts";
import { openLambda } from "./lambda-instance.ts";
import type { LambdaContext } from "./lambda-stream.ts";
import { patient, SWEEPS, type SweepName } from "../sweeps.ts";

/** Time to end in before AWS does it. */
const END_MS = 5000;
/** Of the quarter of an hour that AWS gives a function at most. */
const MOVE_SECONDS = 880;

const instance = await openLambda(patient(readFunctionConfig(process.env, "lambda"), MOVE_SECONDS));

function sweep(name: SweepName) {
  return async (_event: unknown, context: LambdaContext): Promise<void> => {
    const ending = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - END_MS));
    await instance.invocation(() => SWEEPS[name].run(instance, ending));
  };
}

export const settle = sweep("settle");
export const tidy = sweep("tidy");
