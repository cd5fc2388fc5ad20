import { request as send, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { httpServer } from "./http-server.ts";
import { localstack } from "./localstack.ts";

/** What befalls a request on its way to S3, or its answer on the way back. */
export type S3Fault =
  | "none"
  | "throttled"
  | "server error"
  | "a proxy's page"
  | "reset"
  /** One bit is another when it arrives. */
  | "bytes changed"
  /** Done, and then the answer is lost, or the half of it. */
  | "answer lost"
  | "answer cut";

export const PASSING_S3_FAULTS: readonly S3Fault[] = [
  "throttled",
  "server error",
  "a proxy's page",
  "reset",
  "answer lost",
  "answer cut",
];

export interface S3Request {
  readonly method: string;
  /** With bucket and query. */
  readonly target: string;
}

interface Hooks {
  /** May wait, so that others can do something meanwhile. */
  readonly before?: (request: S3Request) => S3Fault | Promise<S3Fault>;
  /** Once S3 has answered and the client has not. */
  readonly after?: (request: S3Request) => unknown;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

const errorOf = (code: string): Buffer =>
  Buffer.from(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message/></Error>`);
const XML = { "content-type": "application/xml" };
const ANSWERS: Partial<Record<S3Fault, Answer>> = {
  throttled: { status: 503, headers: XML, body: errorOf("SlowDown") },
  "server error": { status: 500, headers: XML, body: errorOf("InternalError") },
  "a proxy's page": {
    status: 502,
    headers: { "content-type": "text/html" },
    body: Buffer.from("<html>Later</html>"),
  },
};

/** Stands between a store and S3 until the test ends. Holds bodies in memory. */
export async function s3Proxy(hooks: Hooks = {}): Promise<{ url: string; requests: S3Request[] }> {
  const requests: S3Request[] = [];

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const { method = "", url: target = "" } = incoming;
    const request = { method, target };
    requests.push(request);
    const fault = (await hooks.before?.(request)) ?? "none";
    if (fault === "reset") return void outgoing.destroy();
    const answer = ANSWERS[fault] ?? (await pass(incoming, arriving(fault, body)));
    await hooks.after?.(request);
    if (fault === "answer lost") return void outgoing.destroy();
    outgoing.writeHead(answer.status, answer.headers);
    if (fault !== "answer cut") return void outgoing.end(answer.body);
    outgoing.write(answer.body.subarray(0, answer.body.length / 2), () => outgoing.destroy());
  }

  const url = await httpServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
  return { url, requests };
}

function arriving(fault: S3Fault, body: Buffer): Buffer {
  if (fault !== "bytes changed") return body;
  const other = Buffer.from(body);
  other.writeUInt8(body.readUInt8(0) ^ 1, 0);
  return other;
}

async function pass({ method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const target = new URL(url ?? "", localstack().endpoint);
    const outgoing = send(target, { method, headers }, (response) => {
      buffer(response).then(
        (answer) => resolve({ status: response.statusCode ?? 500, headers: response.headers, body: answer }),
        reject,
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
