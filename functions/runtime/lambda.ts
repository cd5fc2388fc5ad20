// AWS Lambda: one endpoint or all of them, whatever `#endpoint` is, behind a function URL or an HTTP API.
import process from "node:process";
import endpoints from "#endpoint";
import { readFunctionConfig, adminsOf } from "../config/function.ts";
import { serve } from "../http/serve.ts";
import { openLambda } from "./lambda-instance.ts";
import { answerEvent, requestOf, type LambdaResult } from "./lambda-http.ts";
import { type LambdaContext, type ResponseStream, sendStream } from "./lambda-stream.ts";

/** AWS takes 6 MB for an event, in which bytes are base64. */
const MOST_REQUEST_BYTES = 4_194_304;
const MOST_ANSWER_BYTES = 4_194_304;
/** A stream ends by itself so long before AWS would cut it off. */
const END_MS = 3000;

const config = readFunctionConfig(process.env, "lambda");
const admins = adminsOf(process.env);
const instance = await openLambda(config);
const all = [endpoints].flat();
const whole = serve(all, {
  ...instance.serving,
  carriage: {
    maxRequestBytes: MOST_REQUEST_BYTES,
    maxAnswerBytes: MOST_ANSWER_BYTES,
    ...(config.streamUrl === undefined
      ? {}
      : { stream: { url: config.streamUrl, ticket: instance.tickets.issue } }),
  },
});
const streamed = serve(all, {
  ...instance.serving,
  carriage: { maxRequestBytes: MOST_REQUEST_BYTES, admits: instance.tickets.admit },
});

/** Answers in one piece. */
export async function handler(event: unknown): Promise<LambdaResult> {
  return await instance.invocation(() => answerEvent(event, admins, (request) => whole.fetch(request)));
}

/** Answers as a stream, behind a function URL whose invoke mode says so. */
export const streaming = globalThis.awslambda?.streamifyResponse?.(
  async (event: unknown, stream: ResponseStream, context: LambdaContext): Promise<void> => {
    await instance.invocation(async () => {
      const ending = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - END_MS));
      await sendStream(await streamed.fetch(requestOf(event, admins)), stream, ending);
    });
  },
);
