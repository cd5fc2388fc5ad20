// In place of @aws-sdk/client-dynamodb where its size is too much: the same names, by fetch.
import * as v from "valibot";
import { AwsError, type FetchClientOptions, fetched, openAwsClient } from "./client.ts";

type Input = object;

const command = (operation: string) =>
  class {
    readonly operation = operation;
    readonly input: Input;

    constructor(input: Input) {
      this.input = input;
    }
  };
type Command = InstanceType<ReturnType<typeof command>>;

export const GetItemCommand = command("GetItem");
export const QueryCommand = command("Query");
export const TransactGetItemsCommand = command("TransactGetItems");
export const TransactWriteItemsCommand = command("TransactWriteItems");
export const UpdateItemCommand = command("UpdateItem");

const Refusal = v.looseObject({ __type: v.optional(v.string(), "UnknownError") });

export class DynamoDBClient {
  readonly #options: FetchClientOptions;
  readonly #client;

  constructor(options: FetchClientOptions) {
    this.#options = options;
    this.#client = openAwsClient(options, "dynamodb");
  }

  async send(
    { operation, input }: Command,
    { abortSignal }: { abortSignal?: AbortSignal } = {},
  ): Promise<unknown> {
    const { region, endpoint = `https://dynamodb.${region}.amazonaws.com` } = this.#options;
    const sending = this.#client.fetch(`${endpoint}/`, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `DynamoDB_20120810.${operation}`,
      },
      body: JSON.stringify(withBase64(input)),
      signal: abortSignal ?? null,
    });
    const response = await fetched(sending, abortSignal);
    const text = await fetched(
      response.text().then((body) => new Response(body)),
      abortSignal,
    );
    const answer: unknown = JSON.parse(await text.text(), withBytes);
    if (response.ok) return answer;
    const { __type, ...more } = v.parse(Refusal, answer);
    throw new AwsError(__type.replace(/^.*#/u, ""), messageOf(more), response.status, more);
  }

  destroy(): void {
    // There is no connection that is kept here.
  }
}

function messageOf(refusal: Readonly<Record<string, unknown>>): string {
  const message = refusal["message"] ?? refusal["Message"];
  return typeof message === "string" ? message : "DynamoDB refused this.";
}

/** Bytes are base64 in JSON; a value of them is `{ B: … }`. */
function withBase64(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map(withBase64);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withBase64(inner)]));
}

function withBytes(_name: string, value: unknown): unknown {
  const isBytes =
    typeof value === "object" && value !== null && "B" in value && Object.keys(value).length === 1;
  return isBytes && typeof value.B === "string"
    ? { B: Uint8Array.from(Buffer.from(value.B, "base64")) }
    : value;
}
