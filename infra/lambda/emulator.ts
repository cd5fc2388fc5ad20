// Functions behind one HTTP address, as AWS has them: each a process of its own that is handed events.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import * as v from "valibot";
import { ENDPOINTS } from "../../functions/endpoints.ts";
import { pathsOf, PREFIXES } from "../../functions/http/endpoint.ts";
import { createRouter } from "../../functions/http/router.ts";
import { eventOf, MOST_PAYLOAD_BYTES } from "./event.ts";
import { type Instance, type Outcome, startInstance } from "./instance.ts";

export interface EmulatorOptions {
  /** The file of a function's bundle. */
  readonly bundleOf: (name: string) => string;
  readonly env: Readonly<Record<string, string>>;
  readonly say?: (text: string) => void;
  /** As whom IAM lets callers in; absent: the functions' URLs are open. */
  readonly userArn?: string;
  /** The name of one bundle that serves everything; absent: each endpoint its own. */
  readonly only?: string;
}

export interface Emulator {
  /** Each route leads to its function, which answers in one piece. */
  readonly url: string;
  /** The functions that answer as a stream, which is where the others send clients that follow a log. */
  readonly streamUrl: string;
  /** What a schedule does. @throws what the function throws */
  readonly run: (bundle: string, handler: string) => Promise<void>;
  stop(): Promise<void>;
}

const TIMEOUT_SECONDS = 60;
const DEFAULT_ROUTE = "fallback";

export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const functions = createFunctions(options);
  const streams = createServer((request, response) => void serve(request, response, "streaming"));
  const streamUrl = await listen(streams);
  functions.setEnv({ ...options.env, IMS_STREAM_URL: streamUrl });
  const whole = createServer((request, response) => void serve(request, response, "handler"));

  async function serve(request: IncomingMessage, response: ServerResponse, handler: string): Promise<void> {
    try {
      const body = await bodyOf(request);
      if (body === undefined) return refuse(response, 413, "Request Entity Too Large");
      const event = eventOf(request, body, options.userArn);
      if (JSON.stringify(event).length > MOST_PAYLOAD_BYTES) return refuse(response, 413, "Request Too Long");
      const { method, path: asked } = event.requestContext.http;
      const route = options.only ?? operationOf(method, asked);
      await functions.invoke(route, handler, event, (outcome) => answer(response, outcome));
    } catch {
      response.destroy();
    }
  }

  return {
    url: await listen(whole),
    streamUrl,
    async run(bundle, handler) {
      await functions.invoke(bundle, handler, {}, async (outcome) => {
        if (outcome.is === "error") throw new Error(outcome.message);
      });
    },
    async stop() {
      functions.stop();
      for (const server of [whole, streams]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

/** Processes of functions by their bundle and handler: another one whenever all of them are busy. */
function createFunctions({ bundleOf, say = () => undefined }: EmulatorOptions) {
  const free = new Map<string, Instance[]>();
  const started: Instance[] = [];
  let env: Readonly<Record<string, string>> = {};

  async function start(bundle: string, handler: string): Promise<Instance> {
    const file = bundleOf(bundle);
    const instance = await startInstance({
      bundle: file,
      handler,
      env,
      say,
      timeoutSeconds: TIMEOUT_SECONDS,
    });
    started.push(instance);
    return instance;
  }

  return {
    setEnv: (given: typeof env) => void (env = given),
    async invoke(
      bundle: string,
      handler: string,
      event: unknown,
      use: (outcome: Outcome) => Promise<void>,
    ): Promise<void> {
      const key = `${bundle} ${handler}`;
      const instances = free.get(key) ?? [];
      free.set(key, instances);
      const instance = instances.pop() ?? (await start(bundle, handler));
      try {
        await use(await instance.invoke(event));
      } finally {
        instances.push(instance);
      }
    },
    stop: () => started.forEach((instance) => instance.stop()),
  };
}

const routes = createRouter<string>();
for (const prefix of PREFIXES)
  for (const endpoint of ENDPOINTS)
    for (const route of pathsOf(endpoint)) {
      const method = endpoint.method.toUpperCase();
      routes.add(method, prefix + route, endpoint.operation);
      if (method === "GET") routes.add("HEAD", prefix + route, endpoint.operation);
    }

function operationOf(method: string, asked: string): string {
  const [[found] = []] = routes.match(method, asked);
  return found?.[0] ?? DEFAULT_ROUTE;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size <= MOST_PAYLOAD_BYTES) chunks.push(bytes);
  }
  return size > MOST_PAYLOAD_BYTES ? undefined : Buffer.concat(chunks);
}

const Head = v.object({
  statusCode: v.number(),
  headers: v.optional(v.record(v.string(), v.string()), {}),
  cookies: v.optional(v.array(v.string()), []),
});
const Result = v.object({ ...Head.entries, body: v.string(), isBase64Encoded: v.boolean() });

async function answer(response: ServerResponse, outcome: Outcome): Promise<void> {
  if (outcome.is === "stream") return await answerStream(response, outcome);
  if (outcome.is === "error" || outcome.body.length > MOST_PAYLOAD_BYTES)
    return refuse(response, 500, "Internal Server Error");
  const result = v.parse(Result, JSON.parse(outcome.body.toString()));
  const body = Buffer.from(result.body, result.isBase64Encoded ? "base64" : "utf8");
  begin(response, result, { "content-length": String(body.length) });
  response.end(body);
}

/** AWS counts the length itself, but for an answer that has no body. */
function begin(
  response: ServerResponse,
  head: v.InferOutput<typeof Head>,
  more: Record<string, string>,
): void {
  const { statusCode, headers, cookies } = head;
  const isBodyless = response.req.method === "HEAD" || statusCode === 204 || statusCode === 304;
  const all = Object.entries({ ...headers, ...(isBodyless ? {} : more) });
  response.writeHead(statusCode, [...all.flat(), ...cookies.flatMap((cookie) => ["set-cookie", cookie])]);
}

async function answerStream(
  response: ServerResponse,
  { source, done }: Extract<Outcome, { is: "stream" }>,
): Promise<void> {
  response.once("close", () => source.destroy());
  let head = Buffer.alloc(0);
  await pipeline(
    source,
    async function* body(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        if (response.headersSent) yield chunk;
        else {
          head = Buffer.concat([head, chunk]);
          const end = head.indexOf(PRELUDE_END);
          if (end < 0) continue;
          begin(response, v.parse(Head, JSON.parse(head.subarray(0, end).toString())), {});
          response.flushHeaders();
          yield head.subarray(end + PRELUDE_END.length);
        }
      }
    },
    response,
  );
  done();
}

const PRELUDE_END = Buffer.alloc(8);

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ message }));
}

async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}
