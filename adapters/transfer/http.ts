import {
  request as requestHttp,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from "node:http";
import { request as requestHttps } from "node:https";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: IncomingMessage;
}

/** An answer's or a network's trouble, in words that may be shown: never the URL, whose query is a permission. */
export class TransferError extends Error {
  override readonly name = "TransferError";
  /** Absent when there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, options: { readonly status?: number; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return "unknown reason";
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

export interface Exchange {
  readonly request: ClientRequest;
  answer(): Promise<Answer>;
  /** Why it broke: what is read or written only learns that the connection is gone. */
  failure(error: unknown): unknown;
}

/** Starts a request over http or https; a connection that is silent for `idleMs` is given up. */
export function open(url: string, options: RequestOptions & { readonly idleMs: number }): Exchange {
  const { idleMs, ...rest } = options;
  const request = url.startsWith("https:") ? requestHttps(url, rest) : requestHttp(url, rest);
  const silence = new TransferError(`Nothing came for ${idleMs / 1000} seconds.`);
  let silent = false;
  request.setTimeout(idleMs, () => {
    silent = true;
    request.destroy(silence);
  });
  // an error after the answer has come, or a second one, must not end the whole program
  request.on("error", () => undefined);
  return {
    request,
    answer: () => answerOf(request),
    failure: (error) => (silent ? silence : networkError(error)),
  };
}

function networkError(error: unknown): unknown {
  if (error instanceof TransferError) return error;
  return new TransferError(`The connection failed (${reasonOf(error)}).`, { cause: error });
}

async function answerOf(request: ClientRequest): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.once("response", resolve);
  request.once("error", reject);
  const body = await promise;
  return { status: body.statusCode ?? 0, headers: body.headers, body };
}

/** Whether the same request may get another answer soon. */
export function isPassing(status: number): boolean {
  return status >= 500
    ? status !== 501 && status !== 505 && status !== 507
    : [408, 425, 429].includes(status);
}
