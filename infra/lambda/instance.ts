import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import path from "node:path";
import process from "node:process";
import { buffer } from "node:stream/consumers";

export interface InstanceOptions {
  /** File of the bundle, and the name of its handler. */
  readonly bundle: string;
  readonly handler: string;
  readonly env: Readonly<Record<string, string>>;
  /** Lines that the function prints. */
  readonly say: (text: string) => void;
  readonly timeoutSeconds: number;
}

/** What came back: the result in one piece, or as a stream while it is made. */
export type Outcome =
  | { readonly is: "result"; readonly body: Buffer }
  | { readonly is: "stream"; readonly source: IncomingMessage; readonly done: () => void }
  | { readonly is: "error"; readonly message: string };

/** One process of a function. It works on one event at a time and stands still in between, as AWS has it. */
export interface Instance {
  invoke(event: unknown): Promise<Outcome>;
  /** Also one that is still starting. */
  stop(): void;
}

interface Call {
  readonly id: string;
  readonly event: unknown;
  readonly resolve: (outcome: Outcome) => void;
}

export async function startInstance(options: InstanceOptions): Promise<Instance> {
  const exchange = createExchange(options);
  const port = await exchange.listen();
  const child = spawn(
    process.execPath,
    ["--enable-source-maps", path.join(import.meta.dirname, "bootstrap.ts"), options.bundle, options.handler],
    {
      env: { ...options.env, AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}` },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  for (const output of [child.stdout, child.stderr])
    output.on("data", (text: Buffer) => options.say(text.toString()));
  child.once("exit", (code) => exchange.end(`the function ended with exit code ${code ?? "none"}`));
  exchange.onIdle(() => child.kill("SIGSTOP"));
  return {
    async invoke(event) {
      child.kill("SIGCONT");
      return await exchange.call(event);
    },
    stop: () => end(child),
  };
}

function end(child: ChildProcess): void {
  child.kill("SIGKILL");
}

/** Lambda's runtime API, for one instance. */
function createExchange({ timeoutSeconds }: InstanceOptions) {
  let waiting: ServerResponse | undefined;
  let call: Call | undefined;
  let ended: string | undefined;
  let idle = (): void => undefined;
  let last = false;

  const hand = (): void => {
    if (waiting === undefined || call === undefined) return;
    waiting.writeHead(200, {
      "content-type": "application/json",
      "lambda-runtime-aws-request-id": call.id,
      "lambda-runtime-deadline-ms": String(Date.now() + timeoutSeconds * 1000),
    });
    waiting.end(JSON.stringify(call.event));
    waiting = undefined;
  };

  const answer = (outcome: Outcome): void => {
    const { resolve } = call ?? { resolve: () => undefined };
    call = undefined;
    resolve(outcome);
  };

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? "";
    if (url.endsWith("/invocation/next")) {
      waiting = response;
      if (call === undefined && last) idle();
      return hand();
    }
    last = true;
    if (request.headers["lambda-runtime-function-response-mode"] === "streaming")
      return answer({ is: "stream", source: request, done: () => void response.writeHead(202).end() });
    const body = await buffer(request);
    response.writeHead(202).end();
    if (url.endsWith("/init/error")) ended = String(body);
    answer(url.endsWith("/response") ? { is: "result", body } : { is: "error", message: String(body) });
  }

  const server: Server = createServer((request, response) => void take(request, response));
  return {
    async listen(): Promise<number> {
      await new Promise<void>((resolve) => {
        server.listen(0, "127.0.0.1", resolve);
      });
      const address = server.address();
      return typeof address === "object" && address !== null ? address.port : 0;
    },
    onIdle: (then: () => void) => void (idle = then),
    call: (event: unknown): Promise<Outcome> =>
      new Promise((resolve) => {
        if (ended !== undefined) return resolve({ is: "error", message: ended });
        call = { id: randomUUID(), event, resolve };
        hand();
      }),
    end(why: string): void {
      ended ??= why;
      answer({ is: "error", message: ended });
      server.close();
      server.closeAllConnections();
    },
  };
}
