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
  /** One bit of the request is another when it arrives. */
  | "bytes changed"
  /** Answered by nobody but the proxy. */
  | "500"
  | "503"
  | "throttled"
  /** By one that knows nothing of the protocol. */
  | "a proxy's page"
  /** There is no connection at all. */
  | "refused";

/** Those that befall any call, whoever makes it. */
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
  readonly method: string;
  /** With bucket and query. */
  readonly target: string;
  readonly store: "dynamodb" | "s3";
  /** The API's word, such as `TransactWriteItems`, or method, kind of place and parameters, such as `PUT object?partNumber&uploadId`. */
  readonly name: string;
}

const LATE_MS = 300;

/** May wait, so that others can do something meanwhile. */
type Choice = (call: Call) => Fault | undefined | Promise<Fault | undefined>;

/**
 * Stands before a DynamoDB and an S3, passes everything on, and does to each call what it is told. `after` is called once
 * a store has answered and the client has not.
 */
export async function startFaultProxy(target: string, after: (call: Call) => unknown = () => undefined) {
  const { hostname, port } = new URL(target);
  const upstream = { hostname, port: Number(port) };
  let calls: Call[] = [];
  let choose: Choice = () => undefined;

  const server = createServer((request, response) => {
    const call = describeCall(request, calls.length);
    calls.push(call);
    Promise.resolve(choose(call))
      .then((fault) => carry(request, response, fault, { upstream, call, after }))
      .catch(() => request.socket.destroy());
  });
  // A client that keeps its connection must not find it closed between two calls: that would be a fault nobody asked for.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });

  return {
    url: `http://127.0.0.1:${addressOf(server.address()).port}`,
    /** Since the last `watch`; grows. */
    calls: (): Call[] => calls,
    /** Counts from 0 again, and from now on does what `fault` answers of each call. */
    watch(fault: Choice = () => undefined): void {
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
  const asked = { n, method, target: url };
  if (target !== "") return { ...asked, store: "dynamodb", name: target.replace(/^.*\./u, "") };
  const { pathname, searchParams } = new URL(url, "http://any");
  const place = /^\/[^/]+\/./u.test(pathname) ? "object" : "bucket";
  const words = [...searchParams.keys()].filter((key) => !/^x-(?:id|amz)/iu.test(key)).toSorted();
  const copied = headers["x-amz-copy-source"] === undefined ? "" : " copied";
  return {
    ...asked,
    store: "s3",
    name: `${method} ${place}${copied}${words.length === 0 ? "" : `?${words.join("&")}`}`,
  };
}

interface Way {
  readonly upstream: { readonly hostname: string; readonly port: number };
  readonly call: Call;
  readonly after: (call: Call) => unknown;
}

async function carry(
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault | undefined,
  way: Way,
): Promise<void> {
  if (fault === "refused") request.socket.resetAndDestroy();
  else if (fault === "request cut") await passHalf(request, way);
  else if (isOwnAnswer(fault)) await answerItself(request, response, fault, way.call);
  else {
    if (fault === "late") await sleep(LATE_MS);
    await passOn(request, response, way, fault);
  }
}

type OwnAnswer = "500" | "503" | "throttled" | "a proxy's page";
const OWN_ANSWERS: readonly (Fault | undefined)[] = ["500", "503", "throttled", "a proxy's page"];
const isOwnAnswer = (fault: Fault | undefined): fault is OwnAnswer => OWN_ANSWERS.includes(fault);

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
  fault: "answer cut" | "answer lost" | "bytes changed" | "late" | undefined,
): Promise<void> {
  const { asked, answered } = ask(request, way);
  response.once("close", () => asked.destroy());
  await pipeline(fault === "bytes changed" ? changed(request) : request, asked);
  const answer = await answered;
  await way.after(way.call);
  if (fault !== "answer cut" && fault !== "answer lost") {
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

async function* changed(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  const body = Buffer.concat(await request.toArray());
  if (body.length > 0) body.writeUInt8(body.readUInt8(0) ^ 1, 0);
  yield body;
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
  fault: OwnAnswer,
  { store }: Call,
): Promise<void> {
  for await (const _ of request);
  const { status, type, body } =
    fault === "a proxy's page"
      ? { status: 502, type: "text/html", body: "<html>Later</html>" }
      : refusalOf(store, fault);
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function refusalOf(store: Call["store"], fault: "500" | "503" | "throttled") {
  const { status, code } = REFUSALS[store][fault];
  if (store === "dynamodb") {
    const body = JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${code}`, message: "not now" });
    return { status, type: "application/x-amz-json-1.0", body };
  }
  const error = `<Error><Code>${code}</Code><Message>not now</Message></Error>`;
  return { status, type: "application/xml", body: `<?xml version="1.0" encoding="UTF-8"?>${error}` };
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
