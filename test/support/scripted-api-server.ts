import type {
  ApiAnswer,
  ApiRequest,
  ApiServer,
} from "../../adapters/job-runner/kubernetes/api/api-server.ts";

export type Script = (request: ApiRequest) => ApiAnswer | Promise<ApiAnswer>;

/** An API server that answers as it is told, and notes what it was asked. */
export function scriptedApiServer(script: Script): ApiServer & { readonly asked: ApiRequest[] } {
  const asked: ApiRequest[] = [];
  return {
    asked,
    async send(request) {
      asked.push(request);
      return await script(request);
    },
  };
}

export function jsonAnswer(body: unknown, status = 200): ApiAnswer {
  const text = JSON.stringify(body);
  return {
    status,
    text: async () => text,
    async *chunks() {
      yield new TextEncoder().encode(text);
    },
  };
}

/** A watch that a test writes to. It ends when the test says so, or breaks. */
export function openWatch(request: ApiRequest) {
  const chunks: Uint8Array[] = [];
  let ending: { readonly error?: Error } | undefined;
  let wake = Promise.withResolvers<void>();
  const ring = (): void => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  request.signal.addEventListener("abort", () => {
    ending = { error: new Error("aborted") };
    ring();
  });
  return {
    request,
    send(text: string) {
      chunks.push(new TextEncoder().encode(text));
      ring();
    },
    end(error?: Error) {
      ending = error === undefined ? {} : { error };
      ring();
    },
    answer: {
      status: 200,
      text: async () => "",
      async *chunks() {
        for (;;) {
          const waiting = wake.promise;
          while (chunks.length > 0) yield chunks.shift() ?? new Uint8Array();
          if (ending?.error !== undefined) throw ending.error;
          if (ending !== undefined) return;
          await waiting;
        }
      },
    } satisfies ApiAnswer,
  };
}
