/** One request to the API server of a cluster. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly accept?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Of the body; JSON when absent. */
  readonly contentType?: string;
  readonly signal: AbortSignal;
}

export interface ApiAnswer {
  readonly status: number;
  text(): Promise<string>;
  /** The body as it comes. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** An API server, and who asks it. Throws what the network throws; every status is an answer. */
export interface ApiServer {
  send(request: ApiRequest): Promise<ApiAnswer>;
}
