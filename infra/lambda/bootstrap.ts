// What Lambda's runtime for Node does: loads a bundle, asks the runtime API for events, one after the other, and hands them
// to the bundle's handler. Arguments: the bundle and the name of the handler.
import process from "node:process";
import { request } from "node:http";
import { PassThrough, type Writable } from "node:stream";
import { pathToFileURL } from "node:url";

const [bundle = "", name = "handler"] = process.argv.slice(2);
const api = `http://${process.env["AWS_LAMBDA_RUNTIME_API"] ?? ""}/2018-06-01/runtime`;
const STREAMED = Symbol("streamed");
const PRELUDE_END = Buffer.alloc(8);

type Handler = (event: unknown, context: { getRemainingTimeInMillis(): number }) => Promise<unknown>;
type StreamHandler = (event: unknown, stream: Writable, context: unknown) => Promise<void>;

Object.assign(globalThis, {
  awslambda: {
    streamifyResponse: (handler: StreamHandler) => Object.assign(handler, { [STREAMED]: true }),
    HttpResponseStream: {
      from(stream: Writable, head: object): Writable {
        stream.write(JSON.stringify(head));
        stream.write(PRELUDE_END);
        return stream;
      },
    },
  },
});

async function post(path: string, value: unknown): Promise<void> {
  await fetch(`${api}/${path}`, { method: "POST", body: JSON.stringify(value) ?? "null" });
}

const wordsOf = (error: unknown) => ({
  errorType: error instanceof Error ? error.name : "Error",
  errorMessage: String(error),
});

/** The answer goes out while it is made. */
async function stream(handler: StreamHandler, id: string, event: unknown, context: unknown): Promise<void> {
  const body = new PassThrough();
  const sent = request(`${api}/invocation/${id}/response`, {
    method: "POST",
    headers: {
      "lambda-runtime-function-response-mode": "streaming",
      "transfer-encoding": "chunked",
      "content-type": "application/vnd.awslambda.http-integration-response",
    },
  });
  // Whoever asked may have gone: the handler hears of it by its stream.
  sent.on("error", () => body.destroy());
  const answered = new Promise<void>((resolve) => {
    sent.on("response", (response) => response.resume().once("end", resolve));
    sent.once("close", resolve);
  });
  body.pipe(sent);
  await handler(event, body, context);
  await answered;
}

async function next(handler: unknown): Promise<void> {
  const response = await fetch(`${api}/invocation/next`);
  const id = response.headers.get("lambda-runtime-aws-request-id") ?? "";
  const deadline = Number(response.headers.get("lambda-runtime-deadline-ms"));
  const context = { awsRequestId: id, getRemainingTimeInMillis: () => deadline - Date.now() };
  const event: unknown = await response.json();
  try {
    if (isStreamed(handler)) await stream(handler, id, event, context);
    else if (isHandler(handler)) await post(`invocation/${id}/response`, await handler(event, context));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    await post(`invocation/${id}/error`, wordsOf(error));
  }
}

const isHandler = (value: unknown): value is Handler => typeof value === "function";
const isStreamed = (value: unknown): value is StreamHandler => isHandler(value) && STREAMED in value;

try {
  const module: Record<string, unknown> = await import(pathToFileURL(bundle).href);
  for (;;) await next(module[name]);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  await post("init/error", wordsOf(error)).catch(() => undefined);
  process.exitCode = 1;
}
