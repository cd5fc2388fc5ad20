import type { IncomingMessage, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { httpServer } from "./http-server.ts";
import { localstack } from "./localstack.ts";

/** What befalls a request on its way to DynamoDB, or its answer on the way back. */
export type Fault =
  | "none"
  | "throttled"
  | "server error"
  | "a proxy's page"
  | "reset"
  | "slow"
  /** Done, and then the answer is lost, or half of it. */
  | "answer lost"
  | "answer cut"
  /** Of a transaction: what the emulator never says, since it does one after the other. */
  | "conflict"
  | "throttled in part"
  | "in progress"
  | "partition full"
  | "denied";

export const PASSING_FAULTS: readonly Fault[] = [
  "throttled",
  "server error",
  "a proxy's page",
  "reset",
  "slow",
  "answer lost",
  "answer cut",
];

export interface Request {
  /** Such as `GetItem`. */
  readonly operation: string;
  readonly body: unknown;
}

export interface DynamoProxy {
  readonly url: string;
  readonly requests: Request[];
  /** Units that DynamoDB says it has counted for all requests so far. */
  units(): number;
  reset(): void;
}

const Capacity = v.object({ CapacityUnits: v.optional(v.number(), 0) });
const Answer = v.object({ ConsumedCapacity: v.optional(v.union([v.array(Capacity), Capacity])) });

const cancelled = (Code: string) => ({
  status: 400,
  type: "TransactionCanceledException",
  rest: { CancellationReasons: [{ Code: "None" }, { Code }] },
});

const ERRORS: Partial<Record<Fault, { status: number; type: string; rest?: object }>> = {
  conflict: cancelled("TransactionConflict"),
  "throttled in part": cancelled("ThrottlingError"),
  "partition full": cancelled("ItemCollectionSizeLimitExceeded"),
  "in progress": { status: 400, type: "TransactionInProgressException" },
  throttled: { status: 400, type: "ProvisionedThroughputExceededException" },
  "server error": { status: 500, type: "InternalServerError" },
  denied: { status: 400, type: "AccessDeniedException" },
};

/** Stands between a store and DynamoDB until the test ends. `fault` may wait, so that others can do something meanwhile; `answered` is told when DynamoDB has answered. */
export async function dynamoProxy(
  fault: (request: Request) => Fault | Promise<Fault> = () => "none",
  answered: (request: Request) => void = () => undefined,
): Promise<DynamoProxy> {
  const requests: Request[] = [];
  let units = 0;

  async function pass(request: IncomingMessage, body: Record<string, unknown>): Promise<[number, Buffer]> {
    const headers = Object.fromEntries(
      ["content-type", "x-amz-target", "authorization", "x-amz-date"].map((name) => [
        name,
        String(request.headers[name]),
      ]),
    );
    const counted = JSON.stringify({ ...body, ReturnConsumedCapacity: "TOTAL" });
    const response = await fetch(localstack().endpoint, { method: "POST", headers, body: counted });
    const answer = Buffer.from(await response.arrayBuffer());
    const { ConsumedCapacity: consumed = [] } = v.parse(Answer, JSON.parse(answer.toString()));
    for (const { CapacityUnits } of [consumed].flat()) units += CapacityUnits;
    return [response.status, answer];
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const operation = String(request.headers["x-amz-target"]).split(".")[1] ?? "";
    const body = v.parse(v.record(v.string(), v.unknown()), JSON.parse((await buffer(request)).toString()));
    requests.push({ operation, body });
    const befalls = await fault({ operation, body });
    const error = ERRORS[befalls];
    if (error !== undefined) {
      const told = { __type: `com.amazonaws.dynamodb#${error.type}`, ...error.rest };
      return send(response, error.status, JSON.stringify(told));
    }
    if (befalls === "a proxy's page") return send(response, 503, "<html>Come back later</html>");
    if (befalls === "reset") return void response.destroy();
    if (befalls === "slow") await sleep(50);
    const [status, answer] = await pass(request, body);
    answered({ operation, body });
    if (befalls === "answer lost") return void response.destroy();
    if (befalls === "answer cut") return cutShort(response, status, answer);
    send(response, status, answer);
  }

  const url = await httpServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  return {
    url,
    requests,
    units: () => units,
    reset: () => {
      requests.length = 0;
      units = 0;
    },
  };
}

function send(response: ServerResponse, status: number, body: string | Buffer): void {
  response.writeHead(status, { "content-type": "application/x-amz-json-1.0" }).end(body);
}

function cutShort(response: ServerResponse, status: number, answer: Buffer): void {
  response.writeHead(status, {
    "content-type": "application/x-amz-json-1.0",
    "content-length": answer.length + 10,
  });
  response.write(answer.subarray(0, answer.length / 2), () => response.destroy());
}
