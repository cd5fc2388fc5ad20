import { AwsClient } from "aws4fetch";
import type { AwsConfig } from "../options.ts";

/** The part of the SDK's client options that matters here. */
export type FetchClientOptions = Pick<AwsConfig, "region" | "endpoint" | "credentials">;

/** What the SDK's clients answer with a failure. */
export class AwsError extends Error {
  readonly $metadata: { readonly httpStatusCode: number };

  constructor(name: string, message: string, status: number, more: object = {}) {
    super(message);
    this.name = name;
    this.$metadata = { httpStatusCode: status };
    Object.assign(this, more);
  }
}

export function openAwsClient({ region, credentials }: FetchClientOptions, service: string): AwsClient {
  // Whoever calls sends again what failed: retries here would multiply.
  const { accessKeyId = "", secretAccessKey = "", sessionToken } = credentials ?? {};
  return new AwsClient({
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    service,
    region,
    retries: 0,
  });
}

/** Failures of the connection are named as the SDK names them. */
export async function fetched(work: Promise<Response>, signal: AbortSignal | undefined): Promise<Response> {
  try {
    return await work;
  } catch (cause) {
    const error = new Error("The connection failed.", { cause });
    error.name = signal?.aborted === true ? "AbortError" : "TimeoutError";
    throw error;
  }
}
