import { createServer, type IncomingMessage, request as send, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** What befalls one call on its way between a service and its stores. */
export type Fault =
  | "late"
  /** Half of the request gets there, and the connection breaks. */
  | "request cut"
  /** It is carried out; half of the answer's body comes back, and the connection breaks. */
  | "answer cut"
  /** It is carried out, and the connection breaks before a word of the answer. */
  | "answer lost"
  /** Answered by nobody but the proxy. */
  | "500"
  | "503"
  | "throttled"
  /** There is no connection at all. */
  | "refused";

export const FAULTS: readonly Fault[] = [
  "late",
  "request cut",
  "answer cut",
  "answer lost",
  "500",
  "503",
  "throttled",
  "refused",
];

export interface Call {
  /** Counted from 0, over both stores. */
  readonly n: number;
  readonly store: "dynamodb" | "s3";
  /** The API's word, such as `TransactWriteItems`, or method, kind of place and parameters, such as `PUT object?partNumber&uploadId`. */
  readonly name: string;
}

const LATE_MS = 300;

/** Stands before a DynamoDB and an S3, passes everything on, and does to each call what it is told. */
export async function startFaultProxy(target: string) {
  const { hostname, port } = new URL(target);
  const upstream = { hostname, port: Number(port) };
  let calls: Call[] = [];
  let choose: (call: Call) => Fault | undefined = () => undefined;

  const server = createServer((request, response) => {
    const call = describeCall(request, calls.length);
    calls.push(call);
    carry(request, response, choose(call), { upstream, call }).catch(() => request.socket.destroy());
  });
  // A client that keeps its connection must not find it closed between two calls: that would be a fault nobody asked for.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });

  return {
    url: `http://127.0.0.1:${addressOf(server.address()).port}`,
    /** Since the last `watch`. */
    calls: (): readonly Call[] => calls,
    /** Counts from 0 again, and from now on does what `fault` answers of each call. */
    watch(fault: (call: Call) => Fault | undefined = () => undefined): void {
      calls = [];
      choose = fault;
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
export type FaultProxy = Awaited<ReturnType<typeof startFaultProxy>>;

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === "string") throw new Error("The proxy has no port.");
  return address;
}

function describeCall({ headers, method = "", url = "" }: IncomingMessage, n: number): Call {
  const target = String(headers["x-amz-target"] ?? "");
  if (target !== "") return { n, store: "dynamodb", name: target.replace(/^.*\./u, "") };
  const { pathname, searchParams } = new URL(url, "http://any");
  const place = /^\/[^/]+\/./u.test(pathname) ? "object" : "bucket";
  const words = [...searchParams.keys()].filter((key) => !/^x-(?:id|amz)/iu.test(key)).toSorted();
  const copied = headers["x-amz-copy-source"] === undefined ? "" : " copied";
  return {
    n,
    store: "s3",
    name: `${method} ${place}${copied}${words.length === 0 ? "" : `?${words.join("&")}`}`,
  };
}

interface Way {
  readonly upstream: { readonly hostname: string; readonly port: number };
  readonly call: Call;
}

async function carry(
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault | undefined,
  way: Way,
): Promise<void> {
  switch (fault) {
    case "refused":
      request.socket.resetAndDestroy();
      return;
    case "500":
    case "503":
    case "throttled":
      return await answerItself(request, response, fault, way.call);
    case "request cut":
      return await passHalf(request, way);
    case "late":
      await sleep(LATE_MS);
      return await passOn(request, response, way, undefined);
    case "answer cut":
    case "answer lost":
    case undefined:
      return await passOn(request, response, way, fault);
  }
}

function ask(request: IncomingMessage, { upstream }: Way) {
  // A name that occurs twice, and the spelling of all, stay as they are: signatures cover them.
  const headers = request.rawHeaders;
  const { method, url: path } = request;
  const asked = send({ ...upstream, method, path, headers, agent: false });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once("response", resolve);
    asked.once("error", reject);
  });
  answered.catch(() => undefined);
  return { asked, answered };
}

async function passOn(
  request: IncomingMessage,
  response: ServerResponse,
  way: Way,
  fault: "answer cut" | "answer lost" | undefined,
): Promise<void> {
  const { asked, answered } = ask(request, way);
  response.once("close", () => asked.destroy());
  await pipeline(request, asked);
  const answer = await answered;
  if (fault === undefined) {
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    return await pipeline(answer, response);
  }
  const body = Buffer.concat(await answer.toArray());
  if (fault === "answer cut") {
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    response.flushHeaders();
    await new Promise<unknown>((resolve) => {
      response.write(body.subarray(0, Math.floor(body.length / 2)), resolve);
    });
  }
  request.socket.destroy();
}

/** The store never has the whole of it. */
async function passHalf(request: IncomingMessage, way: Way): Promise<void> {
  const body = Buffer.concat(await request.toArray());
  if (body.length > 1) {
    const { asked } = ask(request, way);
    asked.on("error", () => undefined);
    await new Promise<unknown>((resolve) => {
      asked.write(body.subarray(0, Math.floor(body.length / 2)), resolve);
    });
    asked.destroy();
  }
  request.socket.resetAndDestroy();
}

async function answerItself(
  request: IncomingMessage,
  response: ServerResponse,
  fault: "500" | "503" | "throttled",
  { store }: Call,
): Promise<void> {
  for await (const _ of request);
  const { status, code } = REFUSALS[store][fault];
  const body =
    store === "dynamodb"
      ? JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${code}`, message: "not now" })
      : `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>not now</Message></Error>`;
  const type = store === "dynamodb" ? "application/x-amz-json-1.0" : "application/xml";
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

/** As the services themselves say it. */
const REFUSALS = {
  dynamodb: {
    "500": { status: 500, code: "InternalServerError" },
    "503": { status: 503, code: "ServiceUnavailable" },
    throttled: { status: 400, code: "ProvisionedThroughputExceededException" },
  },
  s3: {
    "500": { status: 500, code: "InternalError" },
    "503": { status: 503, code: "ServiceUnavailable" },
    throttled: { status: 503, code: "SlowDown" },
  },
} as const;
